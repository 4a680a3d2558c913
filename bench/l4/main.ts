/**
 * Layer 4 side by side in one run: routed directly, HAProxy (one thread), nginx stream, Sluice in the kernel and Sluice in
 * userspace (one worker).
 *
 * Client, balancer and target are namespaces of this machine. There is one target, since directly there can be no other: two
 * would have more processes share its cores. The contestants are measured in turn, round by round; medians are printed, and
 * medians of each round's own ratios. Proxies share a balancer; Sluice in the kernel and what is routed directly have one each, so that no
 * packet of theirs meets rules that are another's. CPU is the whole machine's, less what the same work costs routed directly: the
 * kernel's own is nobody's process. Needs root, haproxy, nginx with its stream
 * module, wrk and iperf3 (Debian: haproxy nginx libnginx-mod-stream wrk iperf3).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildTopology, type Host, type Topology } from '../stage/namespaces.ts'
import { machineSeconds, residentBytes, tree } from '../stage/processes.ts'

const rounds = Number(process.argv[2] ?? 3)
const root = join(import.meta.dirname, '../..')

/** A way from the client to the target: where it answers, and what it costs on the balancer. */
interface Contestant {
  readonly name: string
  readonly client: Host
  readonly address: string
  /** iperf3: TCP, and UDP where `udp`. */
  readonly bulkPort: number
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
const topologies = [buildTopology(1), buildTopology(1), buildTopology(1)] as const
process.on('exit', () => {
  for (const topology of topologies) topology.close()
  rmSync(directory, { recursive: true, force: true })
})
process.on('SIGINT', () => process.exit(130))

const direct = 'routed directly'
const haproxy = 'HAProxy, 1 thread'
const nginx = 'nginx stream, 1 worker'
const kernel = 'Sluice, kernel'
const userspace = 'Sluice, userspace, 1 worker'

const contestants = await startAll()
const rows = new Map(contestants.map(({ name }) => [name, newRow()]))
const rowOf = (contestant: Contestant) => rows.get(contestant.name) ?? newRow()

// Before any load, whose memory an allocator keeps for later.
for (const contestant of contestants)
  if (contestant.pid !== undefined) rowOf(contestant).idleBytes.push(await idleMemory(contestant))
// Not counted: every one serves for a while first, so that what compiles at run time has compiled.
for (const contestant of contestants) for (let run = 0; run < 2; run++) newConnections(contestant)

for (let round = 0; round < rounds; round++) {
  for (const contestant of contestants) rowOf(contestant).gbits.push(bulk(contestant))
  for (const contestant of contestants) {
    const { connections, cpuPerConnection } = newConnections(contestant)
    rowOf(contestant).connections.push(connections)
    rowOf(contestant).cpuPerConnection.push(cpuPerConnection)
  }
  for (const contestant of contestants) {
    const { p50, p99 } = latency(contestant)
    rowOf(contestant).p50.push(p50)
    rowOf(contestant).p99.push(p99)
  }
  for (const contestant of contestants)
    if (contestant.udp) rowOf(contestant).datagrams.push(await losslessDatagrams(contestant))
  process.stderr.write(`round ${round + 1} of ${rounds}\n`)
}
print()
process.exit(0)

async function startAll(): Promise<Contestant[]> {
  for (const {
    targets: [target],
  } of topologies) {
    target!.start('iperf3', ['-s'])
    target!.start('nginx', ['-c', configuration(`nginx-${target!.name}`, webServer(target!)), '-g', 'daemon off;'])
  }
  const [proxies, inKernel, routed] = topologies
  const { balancer } = proxies
  const target = proxies.targets[0]!
  const haproxyProcess = balancer.start('haproxy', [
    '-db',
    '-f',
    configuration('haproxy', haproxyConfiguration(target)),
  ])
  const nginxProcess = balancer.start('nginx', [
    '-c',
    configuration('nginx', nginxConfiguration(target)),
    '-g',
    'daemon off;',
  ])
  const sluices = [startSluice(proxies, ['--no-kernel']), startSluice(inKernel, [])]
  for (const [{ client, balancer }, port] of [
    [proxies, 6002],
    [proxies, 6102],
    [proxies, 6202],
    [inKernel, 6202],
  ] as const)
    await answering(client, balancer.address, port)
  const { address } = balancer
  const at = (name: string, { client }: Topology, port: number, udp: boolean, pid?: number): Contestant => {
    return { name, client, address, bulkPort: port + 1, httpPort: port + 2, udp, pid }
  }
  return [
    {
      name: direct,
      client: routed.client,
      address: target.address,
      bulkPort: 5201,
      httpPort: 80,
      udp: true,
      pid: undefined,
    },
    at(haproxy, proxies, 6000, false, haproxyProcess.pid),
    at(nginx, proxies, 6100, true, nginxProcess.pid),
    at(kernel, inKernel, 6200, true, sluices[1]?.pid),
    at(userspace, proxies, 6200, true, sluices[0]?.pid),
  ]
}

/** A Sluice on the topology's balancer, with listeners on 6201 and 6202. */
function startSluice({ balancer, targets }: Topology, flags: readonly string[]) {
  const sluice = balancer.start(
    join(root, 'bin/sluice'),
    ['up', '--workers', '1', '--no-example', '--dns-port', '0', '--data-dir', join(directory, balancer.name), ...flags],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const addresses = targets.map(({ address }) => address)
  balancer.run(process.execPath, join(import.meta.dirname, 'set-up.ts'), balancer.address, ...addresses)
  return sluice
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

function haproxyConfiguration(target: Host): string {
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
  server t1 ${target.address}:5201
listen http
  bind 10.9.0.1:6002 backlog 8192
  server t1 ${target.address}:80
`
}

function nginxConfiguration(target: Host): string {
  return `include /etc/nginx/modules-enabled/*stream*.conf;
worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
events { worker_connections 18000; }
stream {
  server { listen 10.9.0.1:6101; proxy_pass ${target.address}:5201; }
  server { listen 10.9.0.1:6101 udp; proxy_pass ${target.address}:5201; proxy_timeout 10s; }
  server { listen 10.9.0.1:6102 backlog=8192; proxy_pass ${target.address}:80; }
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
function bulk({ client, address, bulkPort }: Contestant): number {
  const result = JSON.parse(client.run('iperf3', '-J', '-c', address, '-p', String(bulkPort), '-t', '3', '-O', '1'))
  return result.end.sum_received.bits_per_second / 1e9
}

/** Connections of one request each, per second, and the machine's CPU seconds for one, client and target included. */
function newConnections({ client, address, httpPort }: Contestant) {
  const before = machineSeconds()
  const output = client.run('wrk', '-t1', '-c64', '-d3s', '-H', 'Connection: close', `http://${address}:${httpPort}/`)
  const total = Number(/(\d+) requests in/.exec(output)?.[1])
  return {
    connections: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    cpuPerConnection: (machineSeconds() - before) / total,
  }
}

/** Answer times over 16 established connections, in ms. */
function latency({ client, address, httpPort }: Contestant) {
  const output = client.run('wrk', '-t1', '-c16', '-d2s', '--latency', `http://${address}:${httpPort}/`)
  const milliseconds = (percent: number) => {
    const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? []
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's']
  }
  return { p50: milliseconds(50), p99: milliseconds(99) }
}

/**
 * The highest rate of 64-byte datagrams in 8 flows at which at most 0.1 % are lost, packets/s, by bisection. On a shared machine a
 * second may be lost to others, so a rate counts as too high when it is so twice.
 */
async function losslessDatagrams({ client, address, bulkPort }: Contestant): Promise<number> {
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
  let [low, high, best] = [0, 320_000, 0]
  for (let step = 0; step < 7; step++) {
    const rate = (low + high) / 2
    let { lossless, sent } = await measure(rate)
    if (!lossless) ({ lossless, sent } = await measure(rate))
    if (lossless) {
      best = Math.max(best, sent)
      low = rate
    } else high = rate
  }
  return best
}

/** Bytes of the balancer's memory that one idle TCP connection takes, over 2,000. */
async function idleMemory({ client, address, httpPort, pid }: Contestant): Promise<number> {
  const pids = tree(pid ?? 0)
  const before = residentBytes(pids)
  const holder = client.start(process.execPath, [
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
    [
      'CPU us/conn',
      'cpuPerConnection',
      value => ((value - median(rows.get(direct)?.cpuPerConnection ?? [])) * 1e6).toFixed(0),
    ],
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
  /** Of the same round: what else the machine did then, it did to both. */
  const ratio = (key: keyof Row, its: string, other: string) => {
    const others = rows.get(other)?.[key] ?? []
    return median((rows.get(its)?.[key] ?? []).map((value, round) => value / others[round]!)).toFixed(2)
  }
  const beyondDirect = (name: string) => value(name, 'cpuPerConnection') - value(direct, 'cpuPerConnection')
  console.log(`
kernel / direct:     bulk ${ratio('gbits', kernel, direct)}, connections ${ratio('connections', kernel, direct)}, UDP ${ratio('datagrams', kernel, direct)} (goal 0.95 each)
kernel / HAProxy:    bulk ${ratio('gbits', kernel, haproxy)} (goal 2), CPU per connection ${(beyondDirect(kernel) / beyondDirect(haproxy)).toFixed(2)} (goal at most 0.5)
userspace / HAProxy: bulk ${ratio('gbits', userspace, haproxy)}, connections ${ratio('connections', userspace, haproxy)} (goal 0.55 each)
userspace / nginx:   UDP ${ratio('datagrams', userspace, nginx)} (goal 0.5)`)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
