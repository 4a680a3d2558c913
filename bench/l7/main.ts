/**
 * HTTP side by side in one run: nginx, HAProxy, Caddy, http-proxy-3 and Sluice in userspace, one worker each.
 *
 * Client, balancer and target are namespaces of this machine; proxies run on the first core, load and target on the second. The
 * contestants are measured in turn, round by round; medians are printed, and medians of each round's own ratios. CPU per request is
 * user and system time of all of a contestant's processes. Needs root, and of Debian haproxy, nginx, caddy, wrk and openssl.
 * ROUNDS (3) SECONDS (4), of which the first says how often, the second how long each load runs.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildTopology } from '../stage/namespaces.ts'
import { cpuSeconds, residentBytes, tree } from '../stage/processes.ts'
import { answering, onLoadCore, startNginx } from '../stage/web.ts'
import { wrkFigures } from '../stage/wrk.ts'
import { type Contestant, caddy, haproxy, sluice, startContestants } from './contestants.ts'

const rounds = Number(process.argv[2] ?? 3)
const seconds = Number(process.argv[3] ?? 4)
const connections = 64
const idleConnections = 1_000

const loads = {
  'small, keep-alive': (proxy: Contestant) => wrk(proxy, 'http', '/'),
  '100 kB, keep-alive': (proxy: Contestant) => wrk(proxy, 'http', '/100k'),
  'a connection each': (proxy: Contestant) => wrk(proxy, 'http', '/', '-H', 'Connection: close'),
  'small, HTTPS': (proxy: Contestant) => wrk(proxy, 'https', '/'),
}
type Load = keyof typeof loads

interface Measured {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** Microseconds. */
  readonly cpu: number
  readonly failed: number
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const topology = buildTopology(1)
// Else a client whose ports wait out the connections to one contestant searches long for one to the next: up to 0.2 s were seen.
topology.client.run('sysctl', '-qw', 'net.ipv4.tcp_max_tw_buckets=0', 'net.ipv4.ip_local_port_range=1024 65535')
process.on('exit', () => {
  topology.close()
  rmSync(directory, { recursive: true, force: true })
})
process.on('SIGINT', () => process.exit(130))

startNginx(topology.targets[0]!, directory)
const proxies = startContestants(topology, directory)
for (const { httpPort, httpsPort } of proxies)
  for (const url of [`http://10.9.0.1:${httpPort}/`, `https://10.9.0.1:${httpsPort}/`]) await answering(topology, url)

const idleBytes = new Map<string, number>()
// Before any load, whose memory an allocator keeps for later.
for (const proxy of proxies) idleBytes.set(proxy.name, await idleMemory(proxy))
// Not counted: every one serves for a while first, so that what compiles at run time has compiled.
for (const proxy of proxies) for (const load of Object.values(loads)) load(proxy)

const figures = new Map<string, Measured[]>()
for (let round = 0; round < rounds; round++) {
  for (const [name, load] of Object.entries(loads))
    for (const proxy of proxies) figures.getOrInsertComputed(`${name} ${proxy.name}`, () => []).push(load(proxy))
  process.stderr.write(`round ${round + 1} of ${rounds}\n`)
}
print()
process.exit(0)

function wrk(
  { process: { pid }, httpPort, httpsPort }: Contestant,
  scheme: 'http' | 'https',
  path: string,
  ...more: string[]
): Measured {
  const pids = tree(pid ?? 0)
  const before = cpuSeconds(pids)
  const url = `${scheme}://10.9.0.1:${scheme === 'http' ? httpPort : httpsPort}${path}`
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...more]
  const output = topology.client.run(onLoadCore[0], ...onLoadCore.slice(1), 'wrk', ...options, url)
  const { total, perSecond, p50, p99, failed } = wrkFigures(output)
  return { perSecond, p50, p99, cpu: ((cpuSeconds(pids) - before) / total) * 1e6, failed }
}

/** Bytes of memory that one idle connection takes which has had an answer, over 1,000. */
async function idleMemory({ process: { pid }, httpPort }: Contestant): Promise<number> {
  const pids = tree(pid ?? 0)
  const before = residentBytes(pids)
  const holder = topology.client.start(process.execPath, [
    '-e',
    `
    const { connect } = require('node:net')
    for (let i = 0; i < ${idleConnections}; i++)
      connect(${httpPort}, '10.9.0.1', function () { this.write('GET / HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n') }).on('error', () => {}).resume()
    setTimeout(() => process.exit(), 20000)`,
  ])
  await sleep(4_000)
  const bytes = (residentBytes(pids) - before) / idleConnections
  holder.kill()
  await sleep(500)
  return bytes
}

function print(): void {
  console.log(`medians of ${rounds} rounds of ${seconds} s, ${connections} connections`)
  const of = (load: string, name: string, key: keyof Measured) =>
    (figures.get(`${load} ${name}`) ?? []).map(measured => measured[key])
  for (const load of Object.keys(loads)) {
    console.log(
      `\n${load.padEnd(24)}${['requests/s', 'p50 ms', 'p99 ms', 'CPU us/request', 'failed'].map(title => title.padStart(16)).join('')}`,
    )
    for (const { name } of proxies) {
      const median1 = (key: keyof Measured) => median(of(load, name, key))
      const failed = of(load, name, 'failed').reduce((sum, count) => sum + count, 0)
      const cells = [
        median1('perSecond').toFixed(0),
        median1('p50').toFixed(2),
        median1('p99').toFixed(2),
        median1('cpu').toFixed(1),
        failed.toFixed(0),
      ]
      console.log(name.padEnd(24) + cells.map(cell => cell.padStart(16)).join(''))
    }
  }
  console.log(`\nbytes of an idle connection, over ${idleConnections}`)
  for (const { name } of proxies) console.log(name.padEnd(24) + (idleBytes.get(name) ?? 0).toFixed(0).padStart(16))
  /** Of the same round: what else the machine did then, it did to both. */
  const ratio = (load: Load, key: keyof Measured, other: string) => {
    const others = of(load, other, key)
    return median(of(load, sluice, key).map((value, round) => value / others[round]!)).toFixed(2)
  }
  const line = (load: Load) =>
    `${load.padEnd(24)}requests/s ${ratio(load, 'perSecond', haproxy)} x HAProxy's, ${ratio(load, 'perSecond', caddy)} x Caddy's; CPU per request ${ratio(load, 'cpu', haproxy)}, p99 ${ratio(load, 'p99', haproxy)} x HAProxy's`
  console.log(
    `\n${(Object.keys(loads) as Load[]).map(line).join('\n')}\ngoals: requests/s at least 0.6 and 2.5, CPU at most 2.2, p99 at most 2`,
  )
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
