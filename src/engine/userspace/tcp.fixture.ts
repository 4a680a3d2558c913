import { once } from 'node:events'
import net from 'node:net'
import type { TestContext } from 'node:test'
import type { SnapshotGroup, SnapshotListener, SnapshotTarget } from '../../domain/snapshot.ts'

/** Sockets and snapshots for tests; ports are the caller's. */

export function listenerOn(port: number, changes: Partial<SnapshotListener> = {}): SnapshotListener {
  const protocol = changes.protocol ?? 'TCP'
  return {
    id: `${protocol} 127.0.0.1 ${port}`,
    listenerArn: `arn:listener/${port}`,
    protocol,
    address: '127.0.0.1',
    port,
    admit: undefined,
    route: [{ group: 'group', weight: 1 }],
    idleTimeoutMs: 350_000,
    synproxy: false,
    ...changes,
  }
}

export function groupOf(targets: readonly SnapshotTarget[], changes: Partial<SnapshotGroup> = {}): SnapshotGroup {
  return {
    id: 'group',
    targets,
    sticky: false,
    proxyProtocol: false,
    preserveClientIp: false,
    ...changes,
  }
}

export function targetAt(port: number, mode: SnapshotTarget['mode'] = 'serve'): SnapshotTarget {
  return { key: `target-${port}`, address: '127.0.0.1', port, mode }
}

/** A server on loopback whose connections are all gone when the test ends. */
export async function serveAt(
  t: TestContext,
  port: number,
  onConnection: (socket: net.Socket) => void,
): Promise<net.Server> {
  const open = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    onConnection(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return server
}

/** A target that says `name` to each connection and then sends back what it gets. */
export function serveEcho(t: TestContext, port: number, name = ''): Promise<net.Server> {
  return serveAt(t, port, socket => {
    if (name !== '') socket.write(name)
    socket.pipe(socket)
  })
}

export function clientOf(t: TestContext, port: number): net.Socket {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

/** The next `length` bytes as text. */
export async function take(socket: net.Socket, length: number): Promise<string> {
  for (;;) {
    const chunk: Buffer | null = socket.read(length)
    if (chunk !== null) return chunk.toString()
    if (socket.destroyed || socket.readableEnded) throw new Error('the connection ended')
    await Promise.race([once(socket, 'readable'), once(socket, 'close')])
  }
}

/** How a connection ends: `end` for FIN, else the error's code. */
export function ending(socket: net.Socket): Promise<string> {
  return new Promise(resolve => {
    socket.once('end', () => resolve('end'))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    if (socket.errored) resolve((socket.errored as NodeJS.ErrnoException).code ?? socket.errored.message)
  })
}
