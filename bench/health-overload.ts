/**
 * Whether overload makes health checks lie (R21): 500 targets every 5 s, in another process, while every core is burnt and
 * this process's own event loop is blocked for 20-400 ms at a time. Prints the failures seen (none of the targets ever
 * fails) and how late checks come.
 *
 *     npm run bench -- health-overload [run seconds]      600 for the long form
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { systemClock } from '../src/clock.ts'
import type { Health, Probe } from '../src/domain/health.ts'
import { Checker } from '../src/health/checker.ts'

const runMs = Number(process.argv[2] ?? 15) * 1_000
const [count, intervalMs, timeoutMs] = [500, 5_000, 2_000]

const role = process.send === undefined ? 'check' : process.argv[2]
if (role === 'serve') await serve()
else if (role === 'burn') burn()
else await check()

async function check(): Promise<void> {
  const server = fork(import.meta.filename, ['serve'])
  const [port] = (await once(server, 'message')) as [number]
  const burners: ChildProcess[] = []
  for (let i = 0; i < availableParallelism(); i++) burners.push(fork(import.meta.filename, ['burn']))

  const probes = new Map<string, Probe>()
  const initial = new Map<string, Health>()
  for (let i = 0; i < count; i++) {
    const key = `target ${i}`
    const address = `127.70.${i >> 8}.${i & 255}`
    const protocol = i % 2 === 0 ? 'TCP' : 'HTTP'
    const thresholds = { healthyThreshold: 2, unhealthyThreshold: 2 }
    const http = { path: '/', matcher: '200', host: '127.0.0.1:80' }
    probes.set(key, { key, protocol, address, port, intervalMs, timeoutMs, ...thresholds, ...http })
    initial.set(key, { verdict: 'healthy', since: Date.now(), against: 0, results: [] })
  }
  let [checks, failures, unhealthy] = [0, 0, 0]
  const lastAt = new Map<string, number>()
  const lateness: number[] = []
  const checker = new Checker({
    clock: systemClock,
    initial,
    onChange(changed) {
      for (const [key, health] of changed) {
        const result = health?.results.at(-1)
        if (health === undefined || result === undefined) continue
        checks++
        if (!result.ok) failures++
        if (health.verdict === 'unhealthy') unhealthy++
        const started = result.at - result.ms
        const before = lastAt.get(key)
        if (before !== undefined) lateness.push(started - before - intervalMs)
        lastAt.set(key, started)
      }
    },
  })
  checker.update(probes)
  const end = performance.now() + runMs
  let [blockedMs, blocks] = [0, 0]
  while (performance.now() < end) {
    await new Promise(resolve => setImmediate(resolve))
    const ms = 20 + ((blocks++ * 37) % 380)
    for (const until = performance.now() + ms; performance.now() < until; );
    blockedMs += ms
  }
  checker.close()
  for (const child of [server, ...burners]) child.disconnect()

  lateness.sort((a, b) => a - b)
  const p99 = lateness[Math.floor(lateness.length * 0.99)] ?? Number.NaN
  console.log(
    `${(runMs / 1_000).toFixed(0)} s, event loop blocked ${((blockedMs / runMs) * 100).toFixed(0)} % of the time`,
  )
  console.log(`${checks} checks, ${failures} false failures, ${unhealthy} false unhealthy (goal: 0)`)
  console.log(
    `lateness p99 ${p99.toFixed(0)} ms, ${((p99 / intervalMs) * 100).toFixed(1)} % of the interval (goal: 10 %)`,
  )
}

/** Answers TCP and HTTP checks on any address. */
async function serve(): Promise<void> {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  }).listen(0, '0.0.0.0', 4_096)
  await once(server, 'listening')
  process.send?.((server.address() as AddressInfo).port)
  await once(process, 'disconnect')
  process.exit()
}

function burn(): void {
  process.once('disconnect', () => process.exit())
  const slice = () => {
    for (const until = performance.now() + 20; performance.now() < until; );
    setImmediate(slice)
  }
  slice()
}
