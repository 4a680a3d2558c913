import type { Flow } from '../../domain/choice.ts'
import { writeAddress } from '../../domain/cidr.ts'

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/**
 * The PROXY protocol version 2 header (section 2.2 of HAProxy's specification) that tells a target who its client is:
 * signature, version 2 and command PROXY, TCP over IPv4 or IPv6, then source and destination addresses and ports: 28 or 52
 * bytes. AWS's balancers append a checksum and padding; both are optional for senders, receivers pass over what they don't
 * know, and TCP has a checksum already, so there is none here.
 */
export function proxyHeader({ source, sourcePort, destination, destinationPort }: Flow): Buffer {
  const header = Buffer.alloc(52)
  signature.copy(header)
  header[12] = 0x21
  let at = 16 + writeAddress(source, header, 16)
  const isIpv4 = at === 20
  header[13] = isIpv4 ? 0x11 : 0x21
  at += writeAddress(destination, header, at)
  at = header.writeUInt16BE(sourcePort, at)
  at = header.writeUInt16BE(destinationPort, at)
  header.writeUInt16BE(at - 16, 14)
  return header.subarray(0, at)
}
