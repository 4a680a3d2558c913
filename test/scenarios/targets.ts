/** Targets inside the test process: a UDP and TCP service that answers with its name, and logs what arrives and when. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface TestTarget {
  readonly address: string
  readonly port: number
  /** Datagrams: what they said, and when, by `performance.now()`. */
  readonly datagrams: { readonly text: string; readonly at: number }[]
  /** When connections were accepted that then said something (health checks say nothing). */
  readonly connections: { readonly at: number }[]
  /** Established connections now. */
  readonly open: ReadonlySet<Socket>
  /** Goes away as a killed process does: its ports are refused, its connections reset. */
  kill(): void
  /** Is there again, at the same address and port. */
  start(): Promise<void>
  /** Only the TCP side, which answers health checks. */
  stopTcp(): void
}

/** Listens on UDP and TCP at `address` and `port`. Each datagram is answered, and each line over TCP: `after MS` after so long. */
export async function startTarget(t: TestContext, address: string, port: number): Promise<TestTarget> {
  let udp: DatagramSocket | undefined
  let tcp: Server | undefined
  const datagrams: TestTarget['datagrams'] = []
  const connections: TestTarget['connections'] = []
  const open = new Set<Socket>()
  const target: TestTarget = {
    address,
    port,
    datagrams,
    connections,
    open,
    async start() {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
      udp = socket
      socket.on('message', (message, client) => {
        datagrams.push({ text: message.toString(), at: performance.now() })
        socket.send(`${address} ${message}`, client.port, client.address)
      })
      socket.bind(port, address)
      const server = createServer(accept)
      tcp = server
      server.listen(port, address)
      await Promise.all([once(socket, 'listening'), once(server, 'listening')])
    },
    stopTcp() {
      tcp?.close()
      tcp = undefined
      for (const socket of open) socket.resetAndDestroy()
    },
    kill() {
      target.stopTcp()
      udp?.close()
      udp = undefined
    },
  }
  function accept(socket: Socket) {
    open.add(socket)
    let counted = false
    socket.on('data', data => {
      if (!counted) connections.push({ at: performance.now() })
      counted = true
      const ms = Number(/^after (\d+)/.exec(String(data))?.[1] ?? 0)
      if (ms === 0) socket.write(`${address} ${data}`)
      else setTimeout(() => socket.write(`${address} ${data}`), ms)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
  }
  await target.start()
  t.after(() => target.kill())
  return target
}

/** UDP clients with a socket, and so a flow, each. Every datagram says `FLOW NUMBER`. */
export class Flows {
  /** By flow: the numbers sent, with their time, and for each answer the target and its time. */
  readonly sent: { readonly number: number; readonly at: number }[][] = []
  readonly answers: { readonly number: number; readonly from: string; readonly at: number }[][] = []
  #sockets: DatagramSocket[] = []
  #timer: NodeJS.Timeout | undefined

  static async open(t: TestContext, count: number, address: string, port: number): Promise<Flows> {
    const flows = new Flows()
    for (let flow = 0; flow < count; flow++) {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
      flows.sent.push([])
      const answers: Flows['answers'][number] = []
      flows.answers.push(answers)
      socket.on('message', message => {
        const [from = '', , number] = message.toString().split(' ')
        answers.push({ number: Number(number), from, at: performance.now() })
      })
      // A refusal on the way is a lost datagram, which the counts show.
      socket.on('error', () => {})
      flows.#sockets.push(socket)
      await new Promise<void>(resolve => socket.connect(port, address, () => resolve()))
    }
    t.after(() => flows.close())
    return flows
  }

  /** One datagram on each flow. */
  sendAll(): void {
    for (const [flow, socket] of this.#sockets.entries()) {
      const number = this.sent[flow]?.length ?? 0
      this.sent[flow]?.push({ number, at: performance.now() })
      socket.send(`${flow} ${number}`)
    }
  }

  /** Sends on each flow `perSecond` times a second until `stop`. */
  start(perSecond: number): void {
    this.#timer = setInterval(() => this.sendAll(), 1000 / perSecond)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  close(): void {
    this.stop()
    for (const socket of this.#sockets.splice(0)) socket.close()
  }

  /** The target that answered each flow last. */
  lastFrom(): (string | undefined)[] {
    return this.answers.map(answers => answers.at(-1)?.from)
  }

  /** Datagrams without an answer. */
  unanswered(): number {
    return this.sent.reduce(
      (total, sent, flow) => total + sent.length - new Set(this.answers[flow]?.map(({ number }) => number)).size,
      0,
    )
  }
}
