import { createSocket } from 'node:dgram'
import { BoundSocket, createServer, Socket } from 'node:net'
import type { Flow } from '../../../domain/choice.ts'
import { canonicalAddress, isIpv6, parseAddress } from '../../../domain/cidr.ts'
import { libc } from '../netlink/netlink.ts'
import { type HostName, on } from './packet-hosts.fixture.ts'

/** Real services and clients on the hosts of `packet-hosts.fixture.ts`. */

/**
 * A service on TCP and UDP that answers a line with `ADDRESS PORT CLIENT`, itself and whom it sees, as long as the line was.
 * @returns what ends it
 */
export function serve(host: HostName, address: string, port: number): () => void {
  const answer = (client: string, length: number) =>
    `${`${address} ${port} ${canonicalAddress(client)} `.padEnd(length - 1, '.')}\n`
  const udp = createSocket({ type: isIpv6(address) ? 'udp6' : 'udp4', lookup })
  udp.on('message', (data, { address: client, port }) => udp.send(answer(client, data.length), port, client))
  const connections = new Set<Socket>()
  const tcp = createServer(connection => {
    connections.add(connection)
    connection.on('close', () => connections.delete(connection))
    let length = 0
    connection.on('error', () => {})
    connection.on('data', data => {
      length += data.length
      if (data.at(-1) === newline) connection.write(answer(connection.remoteAddress ?? '', length))
    })
  })
  on(host, () => {
    udp.bindSync({ address, port })
    tcp.listen(new BoundSocket({ host: address, port, ipv6Only: isIpv6(address) }))
  })
  return () => {
    udp.close()
    tcp.close()
    for (const connection of connections) connection.destroy()
  }
}

export interface Answer {
  /** Who says that it answered, and whom it says to see: `ADDRESS PORT`, an address. */
  readonly by: string
  readonly sees: string
  /** From where it came: `ADDRESS PORT`. */
  readonly from: string
  readonly length: number
}

export interface Conversation {
  readonly flow: Flow
  /** Where nobody answers, not before `end`: `undefined` then. `refused`: a reset, or a port unreachable. */
  readonly answer: Promise<Answer | 'refused' | undefined>
  end(): void
}

interface Asked extends Omit<Flow, 'source' | 'sourcePort'> {
  readonly source: string | undefined
  readonly sourcePort: number | undefined
}

/** A client sends one line of so many bytes. Without a source the kernel takes one. */
export function converse(host: HostName, flow: Asked, bytes: number): Conversation {
  const conversation = flow.protocol === 'TCP' ? converseByTcp(host, flow, bytes) : converseByUdp(host, flow, bytes)
  const end = () => {
    if (conversations.delete(end)) conversation.end()
  }
  conversations.add(end)
  return { ...conversation, end }
}

const conversations = new Set<() => void>()

/** Those of failed tests among them. */
export function endConversations(): void {
  for (const end of conversations) end()
}

function converseByUdp(host: HostName, asked: Asked, bytes: number): Conversation {
  const { destination, destinationPort } = asked
  const socket = createSocket({ type: isIpv6(destination) ? 'udp6' : 'udp4', lookup })
  const { promise: answer, resolve } = Promise.withResolvers<Answer | 'refused' | undefined>()
  on(host, () => {
    socket.bindSync({ address: sourceOf(asked), port: asked.sourcePort ?? 0 })
    socket.connectSync(destinationPort, destination)
  })
  const { address: source, port: sourcePort } = socket.address()
  socket.on('error', error => resolve(isRefusal(error) ? 'refused' : undefined))
  socket.on('message', (data, from) => resolve(answerOf(String(data), from.address, from.port)))
  // What is dropped on its way out of this host is an error (EPERM); the counters say why it was.
  socket.send(line(bytes), () => {})
  const end = () => {
    resolve(undefined)
    socket.close()
  }
  return { flow: { ...asked, source: canonicalAddress(source) ?? source, sourcePort }, answer, end }
}

function converseByTcp(host: HostName, asked: Asked, bytes: number): Conversation {
  const { destination, destinationPort } = asked
  const { promise: answer, resolve } = Promise.withResolvers<Answer | 'refused' | undefined>()
  const options = { host: sourceOf(asked), port: asked.sourcePort ?? 0, ipv6Only: isIpv6(destination) }
  const bound = on(host, () => new BoundSocket(options))
  const sourcePort = bound.address().port
  const socket = new Socket({ handle: bound })
  socket.connect({ host: destination, port: destinationPort })
  const source = canonicalAddress(socket.localAddress ?? '') ?? ''
  let text = ''
  socket.on('error', error => resolve(isRefusal(error) ? 'refused' : undefined))
  socket.on('connect', () => socket.write(line(bytes)))
  socket.on('data', data => {
    text += data
    if (text.endsWith('\n')) resolve(answerOf(text, socket.remoteAddress ?? '', socket.remotePort ?? 0))
  })
  const end = () => {
    resolve(undefined)
    if (socket.connecting) socket.destroy()
    else socket.resetAndDestroy()
  }
  return { flow: { ...asked, source, sourcePort }, answer, end }
}

/** A datagram that no socket would send, as its port is 0. */
export async function sendFromPort0(host: HostName, destination: string, destinationPort: number): Promise<void> {
  const its = await libc()
  const isV6 = isIpv6(destination)
  const fd = on(host, () => its.socket(isV6 ? AF_INET6 : AF_INET, SOCK_RAW, IPPROTO_UDP))
  // At byte 6; IPv4 can do without.
  if (isV6) its.setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, new Uint8Array(Int32Array.of(6).buffer), 4)
  const datagram = new Uint8Array([0, 0, destinationPort >> 8, destinationPort & 255, 0, 8, 0, 0])
  const to = new Uint8Array(isV6 ? 28 : 16)
  to[0] = isV6 ? AF_INET6 : AF_INET
  to.set(parseAddress(destination)!, isV6 ? 8 : 4)
  const sent = its.sendto(fd, datagram, BigInt(datagram.length), 0, to, to.length)
  its.close(fd)
  if (sent < 0n) throw new Error(`sendto ${destination}: errno ${its.errno()}`)
}

const newline = 0x0a
const AF_INET = 2
const AF_INET6 = 10
const SOCK_RAW = 3
const IPPROTO_UDP = 17
const IPPROTO_IPV6 = 41
const IPV6_CHECKSUM = 7

function line(bytes: number): string {
  return `${'?'.repeat(bytes - 1)}\n`
}

function sourceOf({ source, destination }: Asked): string {
  return source ?? (isIpv6(destination) ? '::' : '0.0.0.0')
}

function answerOf(text: string, address: string, port: number): Answer {
  const [by = '', its = '', sees = ''] = text.split(' ')
  return { by: `${by} ${its}`, sees, from: `${canonicalAddress(address)} ${port}`, length: text.length }
}

function isRefusal({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNREFUSED'
}

/** Addresses are numbers here; asking node's resolver would take a turn of the event loop. */
function lookup(
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, isIpv6(address) ? 6 : 4)
}
