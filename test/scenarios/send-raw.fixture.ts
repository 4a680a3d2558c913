/** Sends packets made by hand from whatever host it is started in: an array of `RawPacket` as JSON. Prints how many went out. */
import { type Ends, icmpError, RawSender, type Segment, tcpPacket, udpPacket } from '../../bench/stage/packets.ts'

/** `udp`: a datagram of one byte. `icmp`: an error about such a datagram, or about a segment. */
export type RawPacket =
  | { readonly udp: Ends }
  | ({ readonly tcp: Ends } & Pick<Segment, 'flags' | 'sequence' | 'acknowledged'>)
  | {
      readonly icmp: Pick<Ends, 'from' | 'to'>
      readonly type: number
      readonly code: number
      readonly about: { readonly udp: Ends }
    }

function made(packet: RawPacket): Buffer {
  if ('udp' in packet) return udpPacket(packet.udp, Buffer.from('x'))
  if ('tcp' in packet) return tcpPacket(packet.tcp, packet)
  return icmpError(packet.icmp, packet, made(packet.about))
}

const raw = new RawSender()
const packets: readonly RawPacket[] = JSON.parse(process.argv[2] ?? '[]')
console.log(packets.filter(packet => raw.send(made(packet))).length)
raw.close()
