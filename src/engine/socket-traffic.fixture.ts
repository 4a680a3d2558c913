import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, BoundSocket, createServer, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Flow } from '../domain/choice.ts'
import type { SnapshotListener } from '../domain/snapshot.ts'
import type { ClientFlow, Traffic } from './engine.contract.ts'

/**
 * An answer that is still missing after this time, on loopback, will not come. A TCP client hears of it sooner, by the
 * connection's end.
 */
const silenceMs = { TCP: 5_000, UDP: 250 }
/** Long enough for a connection on loopback to open, whatever else the machine does, and shorter than the first SYN's repetition. */
const openingMs = 900

/** Clients and targets for the contract suite on real sockets of loopback addresses; the test's end closes them. */
export function socketTraffic(t: TestContext): Traffic {
  const closers: (() => void)[] = []
  t.after(() => {
    for (const close of closers) close()
  })
  return {
    async target(protocol) {
      return protocol === 'TCP' ? tcpTarget(closers) : udpTarget(closers)
    },
    async open(protocol, source, address, port) {
      const flow = { protocol, source, destination: address, destinationPort: port }
      const client = protocol === 'TCP' ? await tcpFlow(flow) : await udpFlow(flow)
      closers.push(() => client.end())
      return client
    },
    occupy,
  }
}

async function tcpTarget(closers: (() => void)[]) {
  const server = createServer(connection => {
    closers.push(() => connection.destroy())
    connection.on('error', () => connection.destroy())
    connection.on('data', () => connection.write(name))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  const { address, port } = server.address() as AddressInfo
  const name = `${address} ${port}`
  return { address, port }
}

async function udpTarget(closers: (() => void)[]) {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  closers.push(() => socket.close())
  const { address, port } = socket.address()
  socket.on('message', (_, from) => socket.send(`${address} ${port}`, from.port, from.address))
  return { address, port }
}

async function tcpFlow(flow: Omit<Flow, 'sourcePort'>): Promise<ClientFlow> {
  // Bound first: a reset that comes before the connect's callback would leave no trace of the port.
  const bound = new BoundSocket({ host: flow.source })
  const sourcePort = bound.address().port
  const socket = new Socket({ handle: bound }).connect({ host: flow.destination, port: flow.destinationPort })
  await new Promise<void>(resolve => {
    // A security group drops without a word, and the kernel would try for two minutes.
    const timer = setTimeout(() => socket.destroy(), openingMs)
    const settle = () => {
      clearTimeout(timer)
      resolve()
    }
    socket.once('connect', settle)
    socket.once('close', settle)
    // A reset or a refusal is an answer here; `close` follows.
    socket.on('error', () => {})
  })
  return {
    flow: { ...flow, sourcePort },
    end: () => socket.destroy(),
    ask: () =>
      new Promise(resolve => {
        if (socket.destroyed || socket.readableEnded) return resolve(undefined)
        const answer = (text: string | undefined) => {
          clearTimeout(timer)
          socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close')
          resolve(text)
        }
        const timer = setTimeout(answer, silenceMs.TCP, undefined)
        socket.once('data', data => answer(data.toString()))
        socket.once('end', () => answer(undefined))
        socket.once('close', () => answer(undefined))
        socket.write('who?')
      }),
  }
}

async function udpFlow(flow: Omit<Flow, 'sourcePort'>): Promise<ClientFlow> {
  const socket = createSocket('udp4')
  let isOpen = true
  socket.bind(0, flow.source)
  await once(socket, 'listening')
  socket.connect(flow.destinationPort, flow.destination)
  await once(socket, 'connect')
  return {
    flow: { ...flow, sourcePort: socket.address().port },
    end: () => {
      if (isOpen) socket.close()
      isOpen = false
    },
    ask: () =>
      new Promise(resolve => {
        const answer = (text: string | undefined) => {
          clearTimeout(timer)
          socket.removeAllListeners('message').removeAllListeners('error')
          // A refusal that arrives between two questions is nobody's answer.
          socket.on('error', () => {})
          resolve(text)
        }
        const timer = setTimeout(answer, silenceMs.UDP, undefined)
        socket.removeAllListeners('error')
        socket.once('error', () => answer(undefined))
        socket.once('message', data => answer(data.toString()))
        socket.send('who?')
      }),
  }
}

async function occupy({ protocol, address, port }: SnapshotListener): Promise<() => Promise<void>> {
  if (protocol === 'TCP') {
    const server = createServer().listen(port, address)
    await once(server, 'listening')
    return async () => {
      server.close()
      await once(server, 'close')
    }
  }
  const socket = createSocket('udp4')
  socket.bind(port, address)
  await once(socket, 'listening')
  return async () => {
    socket.close()
    await once(socket, 'close')
  }
}
