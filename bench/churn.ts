/**
 * New flows while everything changes: 25,000 a second for 20 s through the kernel's rules, and weights, health, targets, groups,
 * listeners and security groups changed without pause. Counted: datagrams that came past their DNAT, datagrams of sources
 * that are never admitted, and admitted ones that did not reach a target. Needs root and nft. SECONDS PER-SECOND
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Snapshot, SnapshotGroup, SnapshotListener } from '../src/domain/snapshot.ts'
import { rulesetCompiler } from '../src/engine/nftables/compile.ts'
import { hostReader } from '../src/engine/nftables/host.ts'
import { Marks } from '../src/engine/nftables/marks.ts'
import { KernelTable } from '../src/engine/nftables/table/table.ts'
import { enterNetwork } from '../test/own-network.ts'
import { buildTopology } from './stage/namespaces.ts'

const seconds = Number(process.argv[2] ?? 20)
const perSecond = Number(process.argv[3] ?? 25_000)
const port = 8080
const [admittedNetwork, barredNetwork] = ['10.77', '10.78'] as const

const topology = buildTopology(2)
process.on('exit', () => topology.close())
const { balancer, client, targets } = topology
for (const target of targets) {
  // Counted as they come in; nobody answers, nor complains that no port is open.
  target.run('nft', 'add table ip bench')
  target.run('nft', 'add chain ip bench input { type filter hook input priority 0; }')
  for (const network of [admittedNetwork, barredNetwork])
    target.run('nft', `add rule ip bench input ip saddr ${network}.0.0/16 udp dport ${port} counter drop`)
}
balancer.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0')
for (const network of [admittedNetwork, barredNetwork])
  balancer.run('ip', 'route', 'add', `${network}.0.0/16`, 'via', client.address)
enterNetwork(balancer.name)
// Whatever is for the listener and was not sent on ends here, or leaves by itself.
const nft = (text: string) => execFileSync('nft', [text])
nft('add table ip bench')
nft('add chain ip bench input { type filter hook input priority 0; }')
nft(`add rule ip bench input ip daddr ${balancer.address} udp dport ${port} counter drop`)

const table = await KernelTable.open({ name: 'sluice-bench', log: line => console.error(line) })
const marks = new Marks(1)
const compile = rulesetCompiler({ marks })
const host = hostReader()()

let revision = 0
const random = (below: number) => Math.floor(Math.random() * below)
const groups = (count: number): SnapshotGroup[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `group ${n}`,
    targets: targets.flatMap(({ address }, i) =>
      // One of each host always serves; others of the same host come, go, drain and are cut.
      [{ key: `${n} ${i}`, address, port, mode: 'serve' as const }],
    ),
    sticky: false,
    proxyProtocol: false,
    preserveClientIp: true,
  }))
const listener = (its: Partial<SnapshotListener>): SnapshotListener => ({
  id: `UDP ${balancer.address} ${port}`,
  listenerArn: 'arn:bench',
  protocol: 'UDP',
  address: balancer.address,
  port,
  admit: undefined,
  route: [],
  idleTimeoutMs: 120_000,
  synproxy: false,
  ...its,
})
function anySnapshot(): Snapshot {
  const all = groups(2 + random(3)).map(group => ({
    ...group,
    sticky: random(8) === 0,
    targets: [
      ...group.targets.map((target, i) => ({
        ...target,
        mode: i === 0 || random(3) > 0 ? ('serve' as const) : (['drain', 'cut'] as const)[random(2)]!,
      })),
      // A second registration of the first host changes the table's size as it comes and goes.
      ...(random(2) === 0 ? [{ key: 'more', address: `10.9.1.2`, port: port + 1, mode: 'drain' as const }] : []),
    ],
  }))
  const extra = Array.from({ length: random(4) }, () => ({ cidr: `10.${100 + random(50)}.0.0/${16 + random(8)}` }))
  const admit = [{ cidr: `${admittedNetwork}.0.0/16` }, ...new Map(extra.map(one => [one.cidr, one])).values()]
  const others = Array.from({ length: random(3) }, () => 9000 + random(20)).map(other =>
    listener({ id: `UDP ${balancer.address} ${other}`, port: other, route: [{ group: 'group 0', weight: 1 }] }),
  )
  return {
    revision: ++revision,
    listeners: [
      listener({ admit, route: all.map(({ id }, n) => ({ group: id, weight: n === 0 ? 1 + random(9) : random(10) })) }),
      ...new Map(others.map(one => [one.id, one])).values(),
    ],
    groups: all,
    guards: [],
  }
}

await change()
const sender = client.start(
  process.execPath,
  [
    join(import.meta.dirname, 'stage/raw-sender.ts'),
    balancer.address,
    String(port),
    String(perSecond),
    String(seconds),
    admittedNetwork,
    barredNetwork,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
let output = ''
sender.stdout?.on('data', data => (output += data))
const ended = new Promise(resolve => sender.on('exit', resolve))
let isOver = false
ended.then(() => (isOver = true))
// The kernel's table of flows would be full before the end; a flow here is one datagram, and needs no entry any more.
const flush = setInterval(() => execFileSync('conntrack', ['-F'], { stdio: 'ignore' }), 3_000)
let [changes, changeMs] = [0, 0]
while (!isOver) {
  const began = performance.now()
  await change()
  changeMs += performance.now() - began
  changes++
}
clearInterval(flush)
await new Promise(resolve => setTimeout(resolve, 500))

/** As the engine does it, but for the flows, which a change here does not end. */
async function change(): Promise<void> {
  const errors = await table.apply(compile(anySnapshot(), { host, retired: [] }))
  for (const error of errors.values()) throw error
  await new Promise(resolve => setImmediate(resolve))
  table.prune()
}

const counted = (text: string) => [...text.matchAll(/packets (\d+)/g)].map(([, count]) => Number(count))
const [past = 0] = counted(execFileSync('nft', ['list', 'chain', 'ip', 'bench', 'input'], { encoding: 'utf8' }))
const arrived = targets.map(target => counted(target.run('nft', 'list', 'chain', 'ip', 'bench', 'input')))
const sum = (index: number) => arrived.reduce((total, counts) => total + (counts[index] ?? 0), 0)
const { sent, seconds: took } = JSON.parse(output) as { sent: [number, number]; seconds: number }
console.log(`${changes} changes in ${took.toFixed(1)} s, ${(changeMs / changes).toFixed(1)} ms each`)
console.log(
  `${sent[0] + sent[1]} new flows, ${((sent[0] + sent[1]) / took).toFixed(0)}/s: ${sent[0]} admitted, ${sent[1]} not`,
)
console.log(`past their DNAT: ${past}`)
console.log(
  `wrong verdicts: ${sum(1)} of the barred came through, ${sent[0] - sum(0)} of the admitted did not (their targets: ${arrived.map(([its]) => its).join(' and ')})`,
)
table.destroy()
process.exit(0)
