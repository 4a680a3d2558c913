/**
 * A service in whatever host it is started: NAME PORT. A datagram is answered with `NAME ` and itself, one that begins with
 * `want N ` with N bytes that begin with `NAME `. A connection is greeted with `NAME ADDRESS PORT\n`, whom it comes from, and hears all that it says again.
 * Prints READY. Several may share a port, each with as many connections as a process may have.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const [name = '', port = ''] = process.argv.slice(2)

const socket = createSocket({ type: 'udp6', reusePort: true, recvBufferSize: 8 << 20, sendBufferSize: 8 << 20 })
socket.on('message', (data, from) => {
  const [, wanted] = /^want (\d+) /.exec(data.toString('latin1', 0, 16)) ?? []
  const answer = wanted === undefined ? data : Buffer.alloc(Number(wanted) - name.length - 1)
  // The next hop may be too narrow: the system has taken note, and the client asks again.
  socket.send(Buffer.concat([Buffer.from(`${name} `), answer]), from.port, from.address, () => {})
})
socket.bind(Number(port), '::')
await once(socket, 'listening')

const server = createServer(connection => {
  const address = connection.remoteAddress?.replace(/^::ffff:/, '')
  connection.on('error', () => {})
  connection.write(`${name} ${address} ${connection.remotePort}\n`)
  connection.pipe(connection)
})
server.listen({ port: Number(port), host: '::', backlog: 65_535, reusePort: true }, () =>
  process.stdout.write('READY\n'),
)
