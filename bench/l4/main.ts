/**
 * Layer 4 side by side in one run: routed directly, HAProxy (one thread), nginx stream and Sluice userspace (one worker).
 *
 * Client, balancer and two target hosts are namespaces of this machine; every contestant runs on the balancer, with
 * ports of its own, and is measured in turn, round by round; medians are printed. Needs root, haproxy, nginx with its stream
 * module, wrk and iperf3 (Debian: haproxy nginx libnginx-mod-stream wrk iperf3).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildTopology, type Host, type Topology } from '../stage/namespaces.ts'
import { cpuSeconds, residentBytes, tree } from '../stage/processes.ts'

const rounds = Number(process.argv[2] ?? 3)
const root = join(import.meta.dirname, '../..')

/** A way from the client to the targets: where it answers, and what it costs on the balancer. */
interface Contestant {
  readonly name: string
  readonly address: string
  /** iperf3 on the first target: TCP, and UDP where `udp`. */
  readonly bulkPort: number
  /** HTTP on both targets. */
  readonly httpPort: number
  readonly udp: boolean
  readonly pid: number | undefined
}

interface Row {
  gbits: number[]
  connections: number[]
  cpuPerConnection: number[]
  p50: number[]
  p99: number[]
  datagrams: number[]
  idleBytes: number[]
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const topology = buildTopology(2)
process.on('exit', () => {
  topology.close()
  rmSync(directory, { recursive: true, force: true })
})
process.on('SIGINT', () => process.exit(130))

const contestants = await startAll(topology)
const rows = new Map(contestants.map(({ name }) => [name, newRow()]))
const rowOf = (contestant: Contestant) => rows.get(contestant.name) ?? newRow()

// Before any load, whose memory an allocator keeps for later.
for (const contestant of contestants)
  if (contestant.pid !== undefined) rowOf(contestant).idleBytes.push(await idleMemory(contestant))
// Not counted: every one serves for a while first, so that what compiles at run time has compiled.
for (const contestant of contestants) for (let run = 0; run < 2; run++) newConnections(topology.client, contestant)

for (let round = 0; round < rounds; round++) {
  for (const contestant of contestants) rowOf(contestant).gbits.push(bulk(topology.client, contestant))
  for (const contestant of contestants) {
    const { connections, cpuPerConnection } = newConnections(topology.client, contestant)
    rowOf(contestant).connections.push(connections)
    rowOf(contestant).cpuPerConnection.push(cpuPerConnection)
  }
  for (const contestant of contestants) {
    const { p50, p99 } = latency(topology.client, contestant)
    rowOf(contestant).p50.push(p50)
    rowOf(contestant).p99.push(p99)
  }
  for (const contestant of contestants)
    if (contestant.udp) rowOf(contestant).datagrams.push(await losslessDatagrams(topology.client, contestant))
  process.stderr.write(`round ${round + 1} of ${rounds}\n`)
}
print()
process.exit(0)

async function startAll({ balancer, client, targets }: Topology): Promise<Contestant[]> {
  const [first, second] = targets as [Host, Host]
  for (const target of targets) {
    target.start('iperf3', ['-s'])
    target.start('nginx', ['-c', configuration(`nginx-${target.name}`, webServer(target)), '-g', 'daemon off;'])
  }
  const haproxy = balancer.start('haproxy', [
    '-db',
    '-f',
    configuration('haproxy', haproxyConfiguration(first, second)),
  ])
  const nginx = balancer.start('nginx', [
    '-c',
    configuration('nginx', nginxConfiguration(first, second)),
    '-g',
    'daemon off;',
  ])
  const sluice = balancer.start(
    join(root, 'bin/sluice'),
    ['up', '--workers', '1', '--no-example', '--dns-port', '0', '--data-dir', join(directory, 'sluice')],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  balancer.run(
    process.execPath,
    join(import.meta.dirname, 'set-up.ts'),
    balancer.address,
    first.address,
    second.address,
  )
  for (const port of [6002, 6102, 6202]) await answering(client, balancer.address, port)
  return [
    { name: 'routed directly', address: first.address, bulkPort: 5201, httpPort: 80, udp: true, pid: undefined },
    {
      name: 'HAProxy, 1 thread',
      address: balancer.address,
      bulkPort: 6001,
      httpPort: 6002,
      udp: false,
      pid: haproxy.pid,
    },
    {
      name: 'nginx stream, 1 worker',
      address: balancer.address,
      bulkPort: 6101,
      httpPort: 6102,
      udp: true,
      pid: nginx.pid,
    },
    {
      name: 'Sluice userspace, 1 worker',
      address: balancer.address,
      bulkPort: 6201,
      httpPort: 6202,
      udp: true,
      pid: sluice.pid,
    },
  ]
}

function configuration(name: string, text: string): string {
  const file = join(directory, `${name}.conf`)
  writeFileSync(file, text)
  return file
}

function webServer(target: Host): string {
  return `worker_processes 1; pid ${directory}/${target.name}.pid; error_log ${directory}/${target.name}.log;
events { worker_connections 16000; }
http { access_log off; server { listen 80 backlog=8192; location / { return 200 "ok"; } } }`
}

function haproxyConfiguration(first: Host, second: Host): string {
  return `global
  nbthread 1
  maxconn 9000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen bulk
  bind 10.9.0.1:6001
  server t1 ${first.address}:5201
listen http
  bind 10.9.0.1:6002 backlog 8192
  balance roundrobin
  server t1 ${first.address}:80
  server t2 ${second.address}:80
`
}

function nginxConfiguration(first: Host, second: Host): string {
  return `include /etc/nginx/modules-enabled/*stream*.conf;
worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
events { worker_connections 18000; }
stream {
  upstream web { server ${first.address}:80; server ${second.address}:80; }
  server { listen 10.9.0.1:6101; proxy_pass ${first.address}:5201; }
  server { listen 10.9.0.1:6101 udp; proxy_pass ${first.address}:5201; proxy_timeout 10s; }
  server { listen 10.9.0.1:6102 backlog=8192; proxy_pass web; }
}`
}

/** Waits until the HTTP listener on `port` answers through to a target. */
async function answering(client: Host, address: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    try {
      client.run('curl', '-s', '-o', '/dev/null', '--max-time', '1', `http://${address}:${port}/`)
      return
    } catch {
      // Not there yet: a contestant starts, a target's first check is under way.
      await sleep(200)
    }
  }
  throw new Error(`nothing answers at ${address}:${port}`)
}

/** One TCP stream, Gbit/s. */
function bulk(client: Host, { address, bulkPort }: Contestant): number {
  const result = JSON.parse(client.run('iperf3', '-J', '-c', address, '-p', String(bulkPort), '-t', '3', '-O', '1'))
  return result.end.sum_received.bits_per_second / 1e9
}

/** Connections of one request each, per second, and the balancer's CPU seconds for one. */
function newConnections(client: Host, { address, httpPort, pid }: Contestant) {
  const pids = pid === undefined ? [] : tree(pid)
  const before = cpuSeconds(pids)
  const output = client.run('wrk', '-t1', '-c64', '-d3s', '-H', 'Connection: close', `http://${address}:${httpPort}/`)
  const total = Number(/(\d+) requests in/.exec(output)?.[1])
  return {
    connections: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    cpuPerConnection: (cpuSeconds(pids) - before) / total,
  }
}

/** Answer times over 16 established connections, in ms. */
function latency(client: Host, { address, httpPort }: Contestant) {
  const output = client.run('wrk', '-t1', '-c16', '-d2s', '--latency', `http://${address}:${httpPort}/`)
  const milliseconds = (percent: number) => {
    const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? []
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's']
  }
  return { p50: milliseconds(50), p99: milliseconds(99) }
}

/** The highest rate of 64-byte datagrams in 8 flows at which at most 0.1 % are lost, packets/s, by bisection. */
async function losslessDatagrams(client: Host, { address, bulkPort }: Contestant): Promise<number> {
  const flows = 8
  const run = (rate: number) => {
    const bits = Math.round((rate * 64 * 8) / flows)
    const paced = `-b ${bits} --pacing-timer 200 -t 1`
    const output = client.run('iperf3', ...`-J -u -l 64 -P ${flows} ${paced} -c ${address} -p ${bulkPort}`.split(' '))
    return JSON.parse(output)
  }
  /** After an overload, late datagrams of the last run can take the place of this one's first; then it is run again. */
  const measure = async (rate: number) => {
    for (let attempt = 0; attempt < 5; attempt++) {
      await sleep(500)
      const { end } = run(rate)
      if (end?.sum === undefined) continue
      const { packets, lost_packets: lost, seconds } = end.sum
      return { lossless: lost <= packets / 1000, sent: packets / seconds }
    }
    throw new Error(`iperf3 finds no way to ${address}:${bulkPort}`)
  }
  let [low, high, best] = [0, 160_000, 0]
  for (let step = 0; step < 6; step++) {
    const rate = (low + high) / 2
    const { lossless, sent } = await measure(rate)
    if (lossless) {
      best = Math.max(best, sent)
      low = rate
    } else high = rate
  }
  return best
}

/** Bytes of the balancer's memory that one idle TCP connection takes, over 2,000. */
async function idleMemory({ address, httpPort, pid }: Contestant): Promise<number> {
  const pids = tree(pid ?? 0)
  const before = residentBytes(pids)
  const holder = topology.client.start(process.execPath, [
    '-e',
    `
    const { connect } = require('node:net')
    for (let i = 0; i < 2000; i++) connect(${httpPort}, '${address}').on('error', () => {})
    setTimeout(() => process.exit(), 20000)`,
  ])
  await sleep(4_000)
  const bytes = (residentBytes(pids) - before) / 2_000
  holder.kill()
  await sleep(500)
  return bytes
}

function newRow(): Row {
  return { gbits: [], connections: [], cpuPerConnection: [], p50: [], p99: [], datagrams: [], idleBytes: [] }
}

function print(): void {
  const columns: readonly [string, keyof Row, (value: number) => string][] = [
    ['Gbit/s', 'gbits', value => value.toFixed(2)],
    ['connections/s', 'connections', value => value.toFixed(0)],
    ['CPU us/conn', 'cpuPerConnection', value => (value * 1e6).toFixed(0)],
    ['p50 ms', 'p50', value => value.toFixed(2)],
    ['p99 ms', 'p99', value => value.toFixed(2)],
    ['UDP packets/s', 'datagrams', value => value.toFixed(0)],
    ['bytes/idle conn', 'idleBytes', value => value.toFixed(0)],
  ]
  const value = (name: string, key: keyof Row) => median(rows.get(name)?.[key] ?? [])
  console.log(`medians of ${rounds} rounds`)
  console.log(
    ['', ...columns.map(([title]) => title)]
      .map((cell, index) => (index === 0 ? cell.padEnd(28) : cell.padStart(16)))
      .join(''),
  )
  for (const name of rows.keys()) {
    const cells = columns.map(([, key, format]) => {
      const figure = value(name, key)
      return (Number.isNaN(figure) || (key === 'cpuPerConnection' && figure === 0) ? '-' : format(figure)).padStart(16)
    })
    console.log(name.padEnd(28) + cells.join(''))
  }
  const sluice = 'Sluice userspace, 1 worker'
  const ratio = (key: keyof Row, other: string) => (value(sluice, key) / value(other, key)).toFixed(2)
  console.log(
    `\nSluice / HAProxy: bulk ${ratio('gbits', 'HAProxy, 1 thread')}, connections ${ratio('connections', 'HAProxy, 1 thread')} (goal 0.55 each)`,
  )
  console.log(`Sluice / nginx: UDP ${ratio('datagrams', 'nginx stream, 1 worker')} (goal 0.5)`)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
