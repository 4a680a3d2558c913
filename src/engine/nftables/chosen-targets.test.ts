import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { BoundSocket, Socket } from 'node:net'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { snapshotBuilder } from '../../domain/build-snapshot.ts'
import { Choice, type Flow } from '../../domain/choice.ts'
import { isIpv6 } from '../../domain/cidr.ts'
import { anySeed, randomFrom } from '../../domain/random.fixture.ts'
import type { Snapshot } from '../../domain/snapshot.ts'
import {
  health,
  listener,
  loadBalancer,
  now,
  stateWith,
  subnet,
  target,
  targetGroup,
} from '../../domain/state.fixture.ts'
import { targetKey } from '../../domain/target-group.ts'
import { rulesetCompiler } from './compile.ts'
import { hostWith } from './host.fixture.ts'
import { Marks } from './marks.ts'
import { nameOfGroup } from './names.ts'
import { nft } from './table/listing.fixture.ts'
import { KernelTable } from './table/table.ts'

interface Case {
  readonly protocol: 'TCP' | 'UDP'
  readonly family: 'ipv4' | 'ipv6'
  readonly sticky: boolean
  /** By a table that was listed by nft, and loaded again. */
  readonly restored?: boolean
}

const cases: readonly Case[] = [
  { protocol: 'UDP', family: 'ipv4', sticky: false },
  { protocol: 'TCP', family: 'ipv4', sticky: false },
  { protocol: 'TCP', family: 'ipv4', sticky: false, restored: true },
  { protocol: 'UDP', family: 'ipv6', sticky: false },
  { protocol: 'TCP', family: 'ipv6', sticky: true },
]

const prefixes = { ipv4: ['10.0.1.', '10.0.2.'], ipv6: ['fd00:1::', 'fd00:2::'] } as const
const port = 80

let isInside = false

/** All that anybody has here is on loopback. */
function enter(): void {
  if (isInside) return
  enterOwnNetwork()
  isInside = true
  execFileSync('ip', ['route', 'add', 'local', '10.0.0.0/16', 'dev', 'lo'])
  execFileSync('ip', ['-6', 'route', 'add', 'local', 'fd00::/16', 'dev', 'lo'])
  writeFileSync('/proc/sys/net/ipv6/ip_nonlocal_bind', '1')
}

for (const its of cases) {
  const { protocol, family, sticky, restored = false } = its
  const how = `${sticky ? ', clients keeping theirs' : ''}${restored ? ', by a table that nft saved and loaded' : ''}`
  test(`the kernel sends 300 ${family} ${protocol} flows where Choice does${how}`, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    if (restored && spawnSync('nft', ['--version']).error) return lacking(t, 'nft (Debian: nftables)')
    enter()
    const seed = anySeed()
    const random = randomFrom(seed)
    const snapshot = snapshotFor(its)
    const marks = new Marks(1)
    const open = () => KernelTable.open({ name: 'sluice-00000000', log: assert.fail, owner: !restored })
    let table = await open()
    t.after(() => table.destroy())
    const ruleset = rulesetCompiler({ marks })(snapshot, { host: hostWith(), retired: [] })
    assert.deepEqual([...(await table.apply(ruleset))], [])
    if (restored) {
      const saved = nft('list ruleset')
      table.destroy()
      nft(saved)
      table = await open()
    }

    const flows: Flow[] = []
    for (let i = 0; i < 300; i++) {
      const zone = prefixes[family][random(2)]
      const source =
        family === 'ipv4'
          ? `127.${random(255)}.${random(255)}.${1 + random(254)}`
          : `fd00:9:${random(0xffff).toString(16)}::1`
      const to = { protocol, source, destination: `${zone}4`, destinationPort: port }
      flows.push(await (protocol === 'UDP' ? datagram(to) : connection(to)))
    }

    const groups = new Map(snapshot.groups.map(group => [group.id, group]))
    const choices = new Map(snapshot.listeners.map(its => [its.address, new Choice(its, groups)]))
    const chosen = countsOf(
      flows.map(flow => {
        const choice = choices.get(flow.destination)?.choose(flow)
        assert.ok(choice)
        return [`${nameOfGroup(choice.group, protocol)} ${choice.target.address}`, 1]
      }),
    )
    const counted = countsOf(
      Array.from(table.counters().of('target-flows'), ({ key, packets }) => {
        const { group, address } = marks.targetOf(Number(key[0]))!
        return [`${group} ${address}`, packets]
      }),
    )
    assert.equal(chosen.size, 6, `seed ${seed}: ${[...chosen.keys()]}`)
    assert.deepEqual(counted, chosen, `seed ${seed}`)
  })
}

/**
 * Two groups that get 3 and 1 of 4 flows: of the first, each zone's healthy targets serve the zone; of the second, which has none,
 * all targets serve both zones.
 */
function snapshotFor({ protocol, family, sticky }: Case): Snapshot {
  const [a, b] = prefixes[family]
  const attributes = { 'stickiness.enabled': String(sticky), 'stickiness.type': 'source_ip' }
  const fair = targetGroup({
    arn: 'arn:fair',
    protocol,
    ipAddressType: family,
    targets: [`${a}20`, `${a}21`, `${a}22`, `${b}20`].map(id => target(id)),
    attributes,
  })
  const open = targetGroup({
    arn: 'arn:open',
    protocol,
    ipAddressType: family,
    targets: [`${a}30`, `${b}30`, `${b}31`].map(id => target(id)),
    attributes: { ...attributes, 'load_balancing.cross_zone.enabled': 'true' },
  })
  const forward = [
    { targetGroupArn: fair.arn, weight: 3 },
    { targetGroupArn: open.arn, weight: 1 },
  ]
  const state = stateWith({
    subnets: [
      subnet('a', '10.0.1.0/24', { ipv6CidrBlock: 'fd00:1::/64' }),
      subnet('b', '10.0.2.0/24', { ipv6CidrBlock: 'fd00:2::/64' }),
    ],
    loadBalancers: [loadBalancer({ ipAddressType: 'dualstack' })],
    listeners: [listener({ protocol, port, forward })],
    targetGroups: [fair, open],
  })
  const verdicts = [fair, open].flatMap(group =>
    group.targets.map(its => {
      const isSound = group === fair && !its.id.endsWith('22')
      return [targetKey(group.arn, its), health(isSound ? 'healthy' : 'unhealthy')] as const
    }),
  )
  const { snapshot } = snapshotBuilder()(state, new Map(verdicts), now)
  // What the kernel can't serve goes to userspace: listeners whose targets are of the other family.
  return { ...snapshot, listeners: snapshot.listeners.filter(({ address }) => isIpv6(address) === (family === 'ipv6')) }
}

/** Those that are not 0. */
function countsOf(counts: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const [name, count] of counts) if (count > 0) sums.set(name, (sums.get(name) ?? 0) + count)
  return new Map([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function datagram(flow: Omit<Flow, 'sourcePort'>): Promise<Flow> {
  const type = isIpv6(flow.source) ? 'udp6' : 'udp4'
  const socket = createSocket({ type, lookup: (ip, _, done) => done(null, ip, type === 'udp6' ? 6 : 4) })
  socket.bindSync({ address: flow.source })
  const sourcePort = socket.address().port
  await new Promise(resolve => socket.send('', flow.destinationPort, flow.destination, resolve))
  socket.close()
  return { ...flow, sourcePort }
}

/** Nobody listens at the targets, so it ends at once. */
async function connection(flow: Omit<Flow, 'sourcePort'>): Promise<Flow> {
  const bound = new BoundSocket({ host: flow.source })
  const sourcePort = bound.address().port
  const socket = new Socket({ handle: bound })
  socket.on('error', () => {})
  socket.connect({ host: flow.destination, port: flow.destinationPort })
  await new Promise(resolve => socket.once('close', resolve))
  return { ...flow, sourcePort }
}
