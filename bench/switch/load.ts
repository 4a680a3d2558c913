/**
 * Constant load from outside: ADDRESS PORT [TCP UDP TALK]. So many (500) TCP connections a second, one greeting each; new UDP flows
 * (100) a second, one datagram each; and 64 UDP sockets that stay, with so many (1280) numbered datagrams a second in all. Every second a line of JSON: the new flows that
 * ended, as [protocol, opened, answered, version], milliseconds since the epoch, version '' where it failed or had no answer within 2 s; and of the sockets
 * that stay how many datagrams were sent and how many of them are unanswered after 2 s. SIGTERM: no new flows, and it ends 2 s later.
 */
import { createSocket, type Socket } from 'node:dgram'
import { connect } from 'node:net'
import type { Flow } from './report.ts'

const [address = '', port = '', ...rates] = process.argv.slice(2)
const [tcpRate = 500, udpRate = 100, talkRate = 1_280] = rates.map(Number)
const patienceMs = 2_000
const now = () => performance.timeOrigin + performance.now()

let flows: Flow[] = []
let [sent, unanswered] = [0, 0]
const failures: Record<string, number> = {}
let isOver = false

function openTcp(): void {
  const opened = now()
  const socket = connect({ host: address, port: Number(port) })
  let version = ''
  let answered = 0
  const timer = setTimeout(() => socket.destroy(new Error('no answer')), patienceMs)
  socket.on('data', data => {
    answered ||= now()
    version += data
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const what = error.code ?? error.message
    failures[what] = (failures[what] ?? 0) + 1
    version = ''
  })
  socket.on('close', () => {
    clearTimeout(timer)
    flows.push(['TCP', opened, answered, version.trim()])
  })
}

function openUdp(): void {
  const opened = now()
  const socket = createSocket('udp4')
  const end = (answered: number, version: string) => {
    clearTimeout(timer)
    flows.push(['UDP', opened, answered, version])
    socket.close()
  }
  const timer = setTimeout(() => end(0, ''), patienceMs)
  socket.on('message', data => end(now(), String(data).split(' ')[0] ?? ''))
  // A port of its own: one that is taken again would be a flow that there was already.
  const bind = () => socket.bind(10_000 + (udpPort++ % 22_000))
  socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? bind() : end(0, '')))
  socket.on('listening', () => socket.send('new', Number(port), address))
  bind()
}

class Talker {
  readonly #socket: Socket = createSocket('udp4')
  readonly #awaited = new Set<number>()
  #next = 0

  constructor() {
    this.#socket.on('message', data => this.#awaited.delete(Number(String(data).split(' ')[1])))
    this.#socket.on('error', () => {})
  }

  say(): void {
    const number = this.#next++
    sent++
    this.#awaited.add(number)
    this.#socket.send(String(number), Number(port), address)
    setTimeout(() => {
      if (this.#awaited.delete(number)) unanswered++
    }, patienceMs)
  }
}

const talkers = Array.from({ length: 64 }, () => new Talker())
const began = performance.now()
let [tcp, udp, said, udpPort] = [0, 0, 0, 0]
setInterval(() => {
  if (isOver) return
  const seconds = (performance.now() - began) / 1_000
  for (; tcp < tcpRate * seconds; tcp++) openTcp()
  for (; udp < udpRate * seconds; udp++) openUdp()
  for (; said < talkRate * seconds; said++) talkers[said % talkers.length]?.say()
}, 2)

function report(): void {
  process.stdout.write(`${JSON.stringify({ flows, sent, unanswered, failures })}\n`)
  flows = []
}
setInterval(report, 1_000)
process.on('SIGTERM', () => {
  isOver = true
  setTimeout(() => {
    report()
    process.exit()
  }, patienceMs + 200)
})
