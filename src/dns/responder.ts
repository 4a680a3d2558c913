import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv6, type Socket } from 'node:net'
import { answer, type Resolve } from './answer.ts'

/** TCP clients at a time; the longest connected makes room. */
const clientsAtOnce = 64

interface DnsResponder {
  readonly port: number
  /** Answers nothing any more and frees the port. */
  close(): Promise<void>
}

/**
 * Answers DNS queries for the names below `zone` over UDP and TCP, with what `resolve` says; refuses all others.
 *
 * @param port 0 takes a free one
 * @throws when the address or port cannot be had
 */
export async function openDnsResponder(options: {
  readonly host: string
  readonly port: number
  readonly zone: string
  readonly resolve: Resolve
  readonly log: (line: string) => void
}): Promise<DnsResponder> {
  const { host, zone, resolve, log } = options
  const onError = (error: Error) => log(`no answer: ${error.message}`)
  const reply = (message: Buffer, transport: 'udp' | 'tcp') => answer(message, zone, resolve, transport, onError)

  const clients = new Set<Socket>()
  const server = createServer(socket => {
    for (const longest of clients) {
      if (clients.size < clientsAtOnce) break
      clients.delete(longest)
      longest.destroy()
    }
    clients.add(socket)
    socket.on('close', () => clients.delete(socket))
    socket.on('error', () => socket.destroy()) // the client went away, which concerns only itself
    serve(socket, message => reply(message, 'tcp'))
  })
  await once(server.listen(options.port, host), 'listening')
  server.on('error', onError)
  const { port } = server.address() as AddressInfo

  const udp = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  try {
    await once(udp.bind(port, host), 'listening')
  } catch (error) {
    server.close()
    throw error
  }
  udp.on('error', onError)
  udp.on('message', (message, from) => {
    const answered = reply(message, 'udp')
    if (answered === undefined) return
    udp.send(answered, from.port, from.address, error => {
      if (error) onError(error)
    })
  })

  return {
    port,
    async close() {
      for (const socket of clients) socket.destroy()
      await Promise.all([once(server.close(), 'close'), once(udp.close(), 'close')])
    },
  }
}

/** Messages over TCP have their length in front, two bytes (RFC 1035, section 4.2.2); one connection may carry many. */
function serve(socket: Socket, reply: (message: Buffer) => Buffer | undefined): void {
  let pending: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0)
      const answered = reply(pending.subarray(2, end))
      if (answered === undefined) {
        socket.destroy()
        return
      }
      const length = Buffer.alloc(2)
      length.writeUInt16BE(answered.length)
      socket.write(Buffer.concat([length, answered]))
      pending = pending.subarray(end)
    }
    // A client that does not read its answers is not worth their memory.
    if (socket.writableLength > 1_048_576) socket.destroy()
  })
}
