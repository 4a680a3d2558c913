/**
 * A small target for a first try: a service on UDP and TCP that answers with its name and the client address it sees, and
 * beside it a TCP health service that SIGUSR2 stops and starts again (UDP itself cannot be health-checked).
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { REFUSED, supervised } from './supervise.ts'

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

const fail = (what: string) => (error: NodeJS.ErrnoException) => {
  const reason =
    error.code === 'EADDRINUSE' ? 'its port is taken, by the example of another Sluice perhaps' : error.message
  process.stderr.write(`sample target ${target.name} cannot run on ${target.address}: ${what}: ${reason}\n`)
  process.exit(REFUSED)
}

const greeting = (address: string | undefined, port: number | undefined) =>
  `${target.name} sees you as ${address} port ${port}\n`

const udp = createSocket('udp4')
udp.on('error', fail('UDP service'))
udp.on('message', (_, client) => udp.send(greeting(client.address, client.port), client.port, client.address))
const udpListens = once(udp, 'listening')
udp.bind(target.port, target.address)

const tcp = createServer({ allowHalfOpen: true }, socket => {
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  socket.on('data', () => socket.write(greeting(socket.remoteAddress, socket.remotePort)))
})
tcp.on('error', fail('TCP service'))
const tcpListens = once(tcp, 'listening')
tcp.listen(target.tcpPort, target.address)

let health: Server | undefined
const startHealthService = () => {
  health = createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.resume()
  })
  health.on('error', fail('health service'))
  return health.listen(target.port, target.address)
}
const healthListens = once(startHealthService(), 'listening')

process.on('SIGUSR2', () => {
  if (health === undefined) startHealthService()
  else {
    health.close()
    health = undefined
  }
  process.stderr.write(`sample target ${target.name}: health service ${health === undefined ? 'stopped' : 'started'}\n`)
})
supervised(async () => {})

await Promise.all([udpListens, tcpListens, healthListens])
process.send?.('ready')
