/**
 * A small target for a first try: a service on UDP and TCP that answers with its name and the client address it sees, and
 * beside it a TCP health service that SIGUSR2 stops and starts again (S1.5: UDP itself cannot be health-checked).
 */
import { createSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'

/** What one sample target listens on. */
export interface SampleTarget {
  readonly name: string
  readonly address: string
  /** UDP: the service. TCP: the health service, which a group finds as its `traffic-port`. */
  readonly port: number
  /** TCP: the service. */
  readonly tcpPort: number
}

const target: SampleTarget = JSON.parse(process.argv[2] ?? '{}')

const fail = (what: string) => (error: Error) => {
  process.stderr.write(`sample target ${target.name}: ${what}: ${error.message}\n`)
  process.exit(78)
}

const greeting = (address: string | undefined, port: number | undefined) =>
  `${target.name} sees you as ${address} port ${port}\n`

const udp = createSocket('udp4')
udp.on('error', fail('UDP service'))
udp.on('message', (_, client) => udp.send(greeting(client.address, client.port), client.port, client.address))
udp.bind(target.port, target.address)

const tcp = createServer({ allowHalfOpen: true }, socket => {
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  socket.on('data', () => socket.write(greeting(socket.remoteAddress, socket.remotePort)))
})
tcp.on('error', fail('TCP service'))
tcp.listen(target.tcpPort, target.address)

let health: Server | undefined
const startHealthService = () => {
  health = createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.resume()
  })
  health.on('error', fail('health service'))
  health.listen(target.port, target.address)
}
startHealthService()

process.on('SIGUSR2', () => {
  if (health === undefined) startHealthService()
  else {
    health.close()
    health = undefined
  }
  process.stderr.write(`sample target ${target.name}: health service ${health === undefined ? 'stopped' : 'started'}\n`)
})
process.on('SIGINT', () => {})
process.on('message', message => {
  if (message === 'stop') process.exit(0)
})
process.on('disconnect', () => process.exit(0))
