import type { Snapshot, SnapshotGuard } from '../../domain/snapshot.ts'
import { basePart } from './base-part.ts'
import { rulesetCompiler } from './compile.ts'
import { hostWith } from './host.fixture.ts'
import { type MarkedTarget, Marks } from './marks.ts'
import { groupName } from './names.ts'
import type { Ruleset } from './ruleset.ts'
import { groupAt, listenerAt, snapshotOf } from './snapshot.fixture.ts'

/** The number that the goldens' marks begin with. */
export const goldenNumber = 0xab

/** Snapshots whose rulesets are on record, as `golden/NAME.nft`. */
export const goldens: Readonly<Record<string, Snapshot>> = {
  nothing: snapshotOf([], []),
  udp: udp(),
  'tcp-udp-dualstack': dualstack(),
  'weights-and-stickiness': weights(),
  'balancer-address': balancerAddress(),
  'draining-cut-none': modes(),
  'security-groups': securityGroups(),
  guards: snapshotOf([], [], guards()),
  synproxy: synproxy(),
  'retired-targets': snapshotOf([], []),
}

/** What a new compiler with marks of its own makes of a golden. */
export function compileGolden(name: string): Ruleset {
  const marks = new Marks(goldenNumber)
  const snapshot = goldens[name]!
  const retired = name === 'retired-targets' ? retiredTargets(marks) : []
  return rulesetCompiler({ marks })(snapshot, { host: hostWith(), retired })
}

/** Without what is the same in every ruleset and stands in `nothing`: all of the base but the sets that others fill. */
export function withoutBase(ruleset: Ruleset): Ruleset {
  const filled = new Set([...ruleset.values()].flatMap(({ elements }) => elements.map(({ set }) => set)))
  const base = basePart(new Marks(goldenNumber))
  const sets = base.sets.filter(({ name }) => filled.has(name))
  return new Map([...ruleset, ['base', { ...base, counters: [], chains: [], sets }]])
}

function udp(): Snapshot {
  const web = groupAt('web', 'UDP', ['10.9.2.2 9000', '10.9.2.3 9000'])
  return snapshotOf([listenerAt('UDP 10.9.0.1 8080', [[web, 1]])], [web])
}

function dualstack(): Snapshot {
  const groups = {
    TCP: [groupAt('web4', 'TCP', ['10.9.2.2 9000']), groupAt('web6', 'TCP', ['fd00:9:2::2 9000'])],
    UDP: [groupAt('web4', 'UDP', ['10.9.2.2 9000']), groupAt('web6', 'UDP', ['fd00:9:2::2 9000'])],
  }
  const listeners = (['TCP', 'UDP'] as const).flatMap(protocol =>
    ['10.9.0.1', 'fd00:9::1'].map((address, i) => listenerAt(`${protocol} ${address} 53`, [[groups[protocol][i]!, 1]])),
  )
  return snapshotOf(listeners, [...groups.TCP, ...groups.UDP])
}

function weights(): Snapshot {
  const blue = groupAt('blue', 'TCP', ['10.9.2.2 9000'])
  const green = groupAt('green', 'TCP', ['10.9.2.3 9000', '10.9.2.4 9000'], { sticky: true })
  const red = groupAt('red', 'TCP', ['10.9.2.5 9000'])
  const route = [
    [blue, 3],
    [green, 1],
    [red, 0],
  ] as const
  const unrouted = route.map(([group]) => [group, 0] as const)
  return snapshotOf(
    [listenerAt('TCP 10.9.0.1 80', route), listenerAt('TCP 10.9.0.1 81', unrouted, { idleTimeoutMs: 60_000 })],
    [blue, green, red],
  )
}

function balancerAddress(): Snapshot {
  const web = groupAt('web', 'TCP', ['10.9.2.2 9000', '10.9.2.3 9000'], { preserveClientIp: false })
  return snapshotOf([listenerAt('TCP 10.9.0.1 80', [[web, 1]])], [web])
}

function modes(): Snapshot {
  const some = groupAt('some', 'UDP', ['10.9.2.2 9000', '10.9.2.3 9000 drain', '10.9.2.4 9000 cut'])
  const none = groupAt('none', 'UDP', ['10.9.2.5 9000 drain'])
  const empty = groupAt('empty', 'UDP', [])
  const route = [some, none, empty].map(group => [group, 1] as const)
  return snapshotOf([listenerAt('UDP 10.9.0.1 8080', route)], [some, none, empty])
}

function securityGroups(): Snapshot {
  const web4 = groupAt('web4', 'UDP', ['10.9.2.2 9000'])
  const web6 = groupAt('web6', 'UDP', ['fd00:9:2::2 9000'])
  const admit = ['10.0.0.0/8', '10.9.0.0/24', '11.0.0.0/8', '192.0.2.7/32', '2001:db8::/32', 'fd00:9::1/128']
  const rules = { admit: admit.map(cidr => ({ cidr })) }
  return snapshotOf(
    [
      listenerAt('UDP 10.9.0.1 8080', [[web4, 1]], rules),
      listenerAt('UDP fd00:9::1 8080', [[web6, 1]], rules),
      listenerAt('UDP 10.9.0.1 8081', [[web4, 1]], { admit: [] }),
    ],
    [web4, web6],
  )
}

function guards(): readonly SnapshotGuard[] {
  const through = dualstack().listeners.map(({ id }) => id)
  return [
    {
      id: 'i-0123456789abcdef0',
      address: '10.9.2.2',
      rules: [
        { protocol: 'TCP', fromPort: 22, toPort: 22, cidrs: ['10.9.0.0/24', '192.0.2.0/25'], through: [] },
        { protocol: 'UDP', fromPort: 9000, toPort: 9100, cidrs: [], through, fromBalancer: true },
        { protocol: 'ICMP', fromPort: 8, toPort: -1, cidrs: ['0.0.0.0/0'], through: [] },
        { protocol: 'ALL', fromPort: 0, toPort: 65_535, cidrs: ['10.9.2.0/24'], through, fromBalancer: true },
      ],
    },
    {
      id: 'i-0123456789abcdef0',
      address: 'fd00:9:2::2',
      rules: [
        { protocol: 'TCP', fromPort: 9000, toPort: 9000, cidrs: ['fd00:9::/48'], through, fromBalancer: true },
        { protocol: 'ICMP', fromPort: 1, toPort: 4, cidrs: ['::/0'], through: [] },
      ],
    },
    { id: 'i-0123456789abcdef1', address: '10.9.2.3', rules: [] },
  ]
}

function synproxy(): Snapshot {
  const web4 = groupAt('web4', 'TCP', ['10.9.2.2 9000'])
  const web6 = groupAt('web6', 'TCP', ['fd00:9:2::2 9000'])
  return snapshotOf(
    [
      listenerAt('TCP 10.9.0.1 80', [[web4, 1]], { synproxy: true }),
      listenerAt('TCP fd00:9::1 80', [[web6, 1]], { synproxy: true }),
    ],
    [web4, web6],
  )
}

function retiredTargets(marks: Marks): readonly MarkedTarget[] {
  const groups = [groupAt('web4', 'UDP', ['10.9.2.2 9000']), groupAt('web6', 'TCP', ['fd00:9:2::2 9000'])]
  return groups.flatMap(({ id, targets }) =>
    targets.flatMap(({ address, port }) => marks.targetOf(marks.ofTarget(groupName(id, 'TCP'), address, port)) ?? []),
  )
}
