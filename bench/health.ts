/**
 * What health checks cost and how evenly they fall: 5,000 TCP checks every 10 s from one process, the targets (127.70.x.y) in
 * another. Prints the checker's CPU as a share of one core, and the busiest 100 ms seen at the targets.
 *
 *     npm run bench -- health [targets] [interval seconds] [run seconds]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { systemClock } from '../src/clock.ts'
import type { Probe } from '../src/domain/health.ts'
import { Checker } from '../src/health/checker.ts'

const [targets, intervalSeconds, runSeconds] = [5_000, 10, 20].map((preset, i) => Number(process.argv[2 + i] ?? preset))

if (process.send === undefined) await check(targets!, intervalSeconds! * 1_000, runSeconds! * 1_000)
else await serve()

async function check(count: number, intervalMs: number, runMs: number): Promise<void> {
  const child = fork(import.meta.filename)
  const [port] = (await once(child, 'message')) as [number]
  const probes = new Map<string, Probe>()
  for (let i = 0; i < count; i++) {
    const key = `target ${i}`
    probes.set(key, {
      key,
      protocol: 'TCP',
      address: `127.70.${i >> 8}.${i & 255}`,
      port,
      path: '/',
      matcher: '200-399',
      intervalMs,
      timeoutMs: intervalMs,
      healthyThreshold: 5,
      unhealthyThreshold: 2,
      source: '127.0.0.1',
      host: '127.0.0.1:80',
    })
  }
  const lateness: number[] = []
  let calls = 0
  const checker = new Checker({ clock: systemClock, log: console.error, onChange: () => calls++ })
  const started = process.cpuUsage()
  const from = performance.now()
  checker.update(probes)
  for (let last = performance.now(); performance.now() - from < runMs; ) {
    await new Promise(resolve => setTimeout(resolve, 100))
    lateness.push(performance.now() - last - 100)
    last = performance.now()
  }
  const { user, system } = process.cpuUsage(started)
  const core = (user + system) / 1_000 / (performance.now() - from)
  child.send('report')
  const [{ windows, arrivals }] = (await once(child, 'message')) as [{ windows: number[]; arrivals: number }]
  const healthy = [...checker.health.values()].filter(health => health.verdict === 'healthy').length
  checker.close()
  child.disconnect()

  // The last window is not whole, and the first begins with the first arrival.
  const busiest = Math.max(...windows.slice(0, -1))
  const mean = count / (intervalMs / 100)
  console.log(
    `${count} targets every ${intervalMs / 1_000} s: ${(core * 100).toFixed(1)} % of one core (goal: under 20 %)`,
  )
  console.log(`${healthy} healthy, ${arrivals} checks arrived, ${calls} deliveries of changes`)
  console.log(`busiest 100 ms: ${busiest} checks, ${(busiest / mean).toFixed(2)} x the mean (goal: 3 at most)`)
  console.log(`event loop: worst turn ${Math.max(...lateness).toFixed(0)} ms late`)
}

/** Takes every connection to any address, and tells how many came in each 100 ms. */
async function serve(): Promise<void> {
  const windows: number[] = []
  let arrivals = 0
  let first: number | undefined
  const server = createServer(socket => {
    first ??= performance.now()
    const window = Math.floor((performance.now() - first) / 100)
    windows[window] = (windows[window] ?? 0) + 1
    arrivals++
    socket.on('error', () => {})
    socket.resume()
  }).listen(0, '0.0.0.0', 4_096)
  await once(server, 'listening')
  process.send?.((server.address() as AddressInfo).port)
  await once(process, 'message')
  process.send?.({ windows: Array.from(windows, count => count ?? 0), arrivals })
  await once(process, 'disconnect')
  process.exit()
}
