/**
 * A UDP and TCP service on one port, in whatever host it is started: PORT NAME [ADDRESS [DELAY-MS]]. For each datagram, and each line of a
 * connection, it prints `PROTOCOL ADDRESS PORT TEXT` as it sees the client, and answers `NAME TEXT`, datagrams after the delay; of each connection `OPEN
 * ADDRESS PORT -`, said or not, as of a health check. SIGUSR2 ends what answers TCP, as a health service that dies, and begins it
 * again.
 */
import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'

const [port = '', name = '', host = '0.0.0.0', delayMs = '0'] = process.argv.slice(2)

const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
socket.on('message', (data, from) => {
  process.stdout.write(`UDP ${from.address} ${from.port} ${data}\n`)
  const answer = () => socket.send(`${name} ${data}`, from.port, from.address)
  if (delayMs === '0') answer()
  else setTimeout(answer, Number(delayMs))
})
socket.bind(Number(port), host)

const connections = new Set<Socket>()
const server = createServer(connection => {
  connections.add(connection)
  const from = `${connection.remoteAddress} ${connection.remotePort}`
  process.stdout.write(`OPEN ${from} -\n`)
  connection.on('close', () => connections.delete(connection))
  connection.on('error', error => process.stdout.write(`ERROR ${from} ${(error as NodeJS.ErrnoException).code}\n`))
  connection.on('data', data => {
    const text = String(data).trim()
    process.stdout.write(`TCP ${from} ${text}\n`)
    connection.write(`${name} ${text}\n`)
  })
})
const listen = () => server.listen(Number(port), host, () => process.stdout.write('READY - - -\n'))
listen()

process.on('SIGUSR2', () => {
  if (!server.listening) return listen()
  server.close()
  for (const connection of connections) connection.destroy()
})
