/**
 * A service as a task: VERSION. On HOST and PORT it greets each TCP connection with its version and a line's end and closes it, and answers
 * a datagram with its version, a space and the datagram. SIGTERM ends it. With UNHEALTHY in its environment it takes no connections;
 * with CONVERSING it leaves them open, and answers each line with its version, a space and the line; SLOW: datagrams' milliseconds.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

const [version = ''] = process.argv.slice(2)
const { HOST = '127.0.0.1', PORT = '0', UNHEALTHY, CONVERSING, SLOW } = process.env

const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
socket.on('message', (data, { port, address }) => {
  const answer = () => socket.send(`${version} ${data}`, port, address)
  if (SLOW === undefined) answer()
  else setTimeout(answer, Number(SLOW))
})
socket.bind(Number(PORT), HOST)

if (UNHEALTHY === undefined) {
  const server = createServer(connection => {
    connection.on('error', () => {})
    if (CONVERSING === undefined) {
      connection.end(`${version}\n`)
      connection.resume()
      return
    }
    const lines = createInterface(connection)
    lines.on('line', line => connection.write(`${version} ${line}\n`))
    lines.on('error', () => {})
  })
  server.listen({ port: Number(PORT), host: HOST, backlog: 4_096 })
}
process.on('SIGTERM', () => process.exit(0))
console.log(`${version} serves on ${HOST}:${PORT}`)
