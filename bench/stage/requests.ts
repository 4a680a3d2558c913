/**
 * Requests at a fixed rate in whatever host it is started, however long the answers take: ADDRESS PORT SECONDS NEW KEPT [tls].
 * So many a second on a new connection each (NEW), and so many on connections that stay (KEPT). Ends when all are answered or given
 * up, and prints as JSON a `Second` for each second in which some were due: see asked.ts.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { Second } from './asked.ts'

const [host = '', port = '', ...numbers] = process.argv.slice(2, 7)
const [seconds = 0, newRate = 0, keptRate = 0] = numbers.map(Number)
const isTls = process.argv[7] === 'tls'
const patienceMs = 10_000
const mostKept = 1_000

const request = (more: string) => Buffer.from(`GET / HTTP/1.1\r\nHost: bench.example.com\r\n${more}\r\n`)
const [requestOnce, requestMore] = [request('Connection: close\r\n'), request('')]
const results: Second[] = Array.from({ length: seconds }, () => ({
  asked: 0,
  times: [],
  others: {},
  slowestOther: 0,
  sentLate: 0,
}))
let underWay = 0

class Connection {
  readonly #socket: Socket
  readonly #isKept: boolean
  /** When the request was due, ms from the start; negative: none is under way. */
  dueAt = -1
  #text = ''
  #wholeAt = Number.POSITIVE_INFINITY

  constructor(isKept: boolean) {
    this.#isKept = isKept
    const options = { host, port: Number(port), noDelay: true }
    this.#socket = isTls
      ? connectTls({ ...options, rejectUnauthorized: false, servername: 'bench.example.com' })
      : connect(options)
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (text: string) => this.#onData(text))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
    this.#socket.on('close', () => this.#onClose())
    connections.add(this)
  }

  ask(dueAt: number): void {
    this.dueAt = dueAt
    underWay++
    const second = results[Math.floor(dueAt / 1_000)]!
    second.asked++
    second.sentLate = Math.max(second.sentLate, performance.now() - startedAt - dueAt)
    this.#socket.write(this.#isKept ? requestMore : requestOnce)
  }

  giveUp(): void {
    this.#end('nothing for 10 s')
    this.#socket.destroy()
  }

  #onData(text: string): void {
    this.#text += text
    if (this.#wholeAt === Number.POSITIVE_INFINITY) {
      const headEnd = this.#text.indexOf('\r\n\r\n')
      const [, length] = headEnd < 0 ? [] : (/^content-length: (\d+)/im.exec(this.#text.slice(0, headEnd)) ?? [])
      if (length !== undefined) this.#wholeAt = headEnd + 4 + Number(length)
    }
    if (this.#text.length < this.#wholeAt) return
    const closes = !this.#isKept || /^connection: close/im.test(this.#text)
    this.#end(this.#text.slice(9, 12))
    this.#text = ''
    this.#wholeAt = Number.POSITIVE_INFINITY
    if (!closes) idle.push(this)
    // The server closes: a port of ours is free again at once.
  }

  #onClose(): void {
    this.#end('closed')
    connections.delete(this)
    const place = idle.indexOf(this)
    if (place >= 0) idle.splice(place, 1)
  }

  #end(outcome: string): void {
    if (this.dueAt < 0) return
    count(this.dueAt, outcome)
    underWay--
    this.dueAt = -1
  }
}

const connections = new Set<Connection>()
const idle: Connection[] = []

function count(dueAt: number, outcome: string): void {
  const second = results[Math.floor(dueAt / 1_000)]!
  const ms = Math.round(10 * (performance.now() - startedAt - dueAt)) / 10
  if (outcome === '200') {
    second.times.push(ms)
  } else {
    second.others[outcome] = (second.others[outcome] ?? 0) + 1
    second.slowestOther = Math.max(second.slowestOther, ms)
  }
}

function askKept(dueAt: number): void {
  const connection = idle.pop()
  if (connection !== undefined) {
    connection.ask(dueAt)
  } else if (connections.size < mostKept) {
    new Connection(true).ask(dueAt)
  } else {
    results[Math.floor(dueAt / 1_000)]!.asked++
    count(dueAt, 'kept connections all busy')
  }
}

const startedAt = performance.now()
const loads = [
  { rate: newRate, begun: 0, ask: (dueAt: number) => new Connection(false).ask(dueAt) },
  { rate: keptRate, begun: 0, ask: askKept },
]
const watch = setInterval(() => {
  const now = performance.now() - startedAt
  for (const connection of connections)
    if (connection.dueAt >= 0 && now - connection.dueAt > patienceMs) connection.giveUp()
}, 250)
while (loads.some(({ begun, rate }) => begun < seconds * rate)) {
  const elapsed = Math.min(seconds, (performance.now() - startedAt) / 1_000)
  for (const load of loads)
    for (; load.begun < elapsed * load.rate; load.begun++) load.ask((load.begun / load.rate) * 1_000)
  await pause(1)
}
while (underWay > 0) await pause(10)
clearInterval(watch)
process.stdout.write(JSON.stringify(results), () => process.exit())
