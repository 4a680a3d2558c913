/**
 * Constant load of requests from outside: ADDRESS PORT [NEW KEPT]. So many (500) requests a second, each on a new connection, and so
 * many (500) on connections that stay; one in ten is a POST with 2,000 bytes. Each has a number of its own as X-Request. Every second a
 * line of JSON and its end as load.ts has them.
 */
import http from 'node:http'
import type { Flow } from './report.ts'

const [host = '', port = '', ...rates] = process.argv.slice(2)
const [newRate = 500, keptRate = 500] = rates.map(Number)
const patienceMs = 2_000
const now = () => performance.timeOrigin + performance.now()

const kept = new http.Agent({ keepAlive: true })
const body = Buffer.alloc(2_000, 'x')
let flows: Flow[] = []
const failures: Record<string, number> = {}
let [number, isOver] = [0, false]

function ask(protocol: 'HTTP' | 'HTTP kept'): void {
  const opened = now()
  let [answered, version, failure] = [0, '', '']
  const isPost = number % 10 === 9
  const request = http.request({
    host,
    port,
    agent: protocol === 'HTTP' ? false : kept,
    method: isPost ? 'POST' : 'GET',
    headers: { 'x-request': `${process.pid}-${number++}`, ...(isPost && { 'content-length': body.length }) },
  })
  const timer = setTimeout(() => request.destroy(new Error('no answer')), patienceMs)
  request.on('response', response => {
    if (response.statusCode !== 200) failure = String(response.statusCode)
    response.setEncoding('utf8').on('data', text => (version += text))
    response.on('error', error => (failure = error.message))
    response.on('end', () => (answered = now()))
  })
  request.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message))
  request.on('close', () => {
    clearTimeout(timer)
    if (failure !== '') failures[failure] = (failures[failure] ?? 0) + 1
    flows.push([protocol, opened, answered, failure === '' ? version.trim() : ''])
  })
  request.end(isPost ? body : undefined)
}

const began = performance.now()
let [news, ofKept] = [0, 0]
setInterval(() => {
  if (isOver) return
  const seconds = (performance.now() - began) / 1_000
  for (; news < newRate * seconds; news++) ask('HTTP')
  for (; ofKept < keptRate * seconds; ofKept++) ask('HTTP kept')
}, 2)

function report(): void {
  process.stdout.write(`${JSON.stringify({ flows, sent: 0, unanswered: 0, failures })}\n`)
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
