/**
 * Sends UDP datagrams that are each a flow of their own: DESTINATION PORT PER-SECOND SECONDS NETWORK..., each network the first two
 * bytes of the sources' addresses (`10.77`). Prints how many it sent from each, as JSON. Needs root.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { libc } from '../../src/engine/nftables/netlink/netlink.ts'

const [destination = '', port = '', perSecond = '', seconds = '', ...networks] = process.argv.slice(2)
const [AF_INET, SOCK_RAW, IPPROTO_RAW] = [2, 3, 255]

const its = await libc()
const fd = its.socket(AF_INET, SOCK_RAW, IPPROTO_RAW)
if (fd < 0) throw new Error('no raw socket: not root?')

const address = destination.split('.').map(Number)
const to = Buffer.from([AF_INET, 0, 0, 0, ...address, 0, 0, 0, 0, 0, 0, 0, 0])
/** IPv4 and UDP headers and 16 bytes; the kernel fills in length and checksum, and UDP over IPv4 needs none. */
const packet = Buffer.alloc(44)
packet[0] = 0x45
packet[8] = 64
packet[9] = 17
packet.set(address, 16)
packet.writeUInt16BE(Number(port), 22)
packet.writeUInt16BE(24, 24)

const sent = networks.map(() => 0)
const sources = networks.map(network => Buffer.from([...network.split('.').map(Number), 0, 0]))
/** So that no two datagrams of a network are of one flow: a counter through 16 bits of address and 15 of port. */
let number = randomBytes(4).readUInt32BE() & 0x3fffffff

const began = performance.now()
const total = Number(perSecond) * Number(seconds)
for (let done = 0; done < total; ) {
  const due = Math.min(total, Math.ceil(((performance.now() - began) / 1000) * Number(perSecond)))
  for (; done < due; done++) {
    const which = done % networks.length
    number = (number + 1) & 0x7fffffff
    packet.set(sources[which]!, 12)
    packet.writeUInt16BE(number >>> 15, 14)
    packet.writeUInt16BE(1024 + (number & 0x7fff), 20)
    if (its.sendto(fd, packet, BigInt(packet.length), 0, to, to.length) === BigInt(packet.length)) sent[which]!++
  }
  await sleep(1)
}
console.log(JSON.stringify({ sent, seconds: (performance.now() - began) / 1000 }))
