import type { GuardRule, Snapshot, SnapshotGroup, SnapshotGuard, SnapshotListener } from '../../domain/snapshot.ts'
import { hostWith } from './host.fixture.ts'
import type { HostFacts } from './host.ts'
import { groupAt, listenerAt } from './snapshot.fixture.ts'

type Random = (below: number) => number

/** What a ruleset is compiled from. */
export interface Circumstances {
  readonly snapshot: Snapshot
  readonly host: HostFacts
}

const families = [
  { listener: '10.9.0.1', targets: '10.9.1.', clients: ['10.0.0.0/8', '10.9.0.0/16', '11.0.0.0/8', '192.0.2.0/24'] },
  {
    listener: 'fd00:9::1',
    targets: 'fd00:9:1::',
    clients: ['fd00:9::/64', 'fd00::/8', '2001:db8::/32', '2001:db9::/32', '::1/128'],
  },
] as const

const links = ['10.9.0.0/16', '10.9.1.0/24', '10.9.2.0/24', '10.0.0.0/8', 'fd00:9:1::/64', 'fd00:9::/32']

/**
 * Any state of a small world, of both families and protocols. Some listeners, groups and guards are the same objects as in
 * `before`, others have changed, come or gone.
 */
export function randomCircumstances(random: Random, before?: Circumstances): Circumstances {
  const perhaps = <T>(known: T | undefined, make: () => T): T[] => {
    const fate = random(5)
    return fate === 0 ? [] : [known !== undefined && fate > 2 ? known : make()]
  }
  const listeners: SnapshotListener[] = []
  const groups: SnapshotGroup[] = []
  const guards: SnapshotGuard[] = []
  for (const family of families) {
    for (const protocol of ['TCP', 'UDP'] as const) {
      const its = [0, 1, 2].flatMap(n => {
        const fresh = randomGroup(random, `web${n}-${families.indexOf(family)}`, protocol, family.targets)
        return perhaps(sameIn(before?.snapshot.groups, fresh), () => fresh)
      })
      groups.push(...its)
      for (const port of [8080, 8081]) {
        const fresh = randomListener(random, `${protocol} ${family.listener} ${port}`, its, family.clients)
        const known = sameIn(before?.snapshot.listeners, fresh)
        const isRouted = known?.route.every(({ group }) => its.some(({ id }) => id === group))
        listeners.push(...perhaps(isRouted ? known : undefined, () => fresh))
      }
    }
    for (const n of [2, 3]) {
      const address = `${family.targets}${n}`
      const known = before?.snapshot.guards.find(guard => guard.address === address)
      guards.push(...perhaps(known, () => randomGuard(random, `i-${n}`, address, family.clients)))
    }
  }
  return {
    snapshot: { revision: (before?.snapshot.revision ?? 0) + 1, listeners, groups, guards },
    host: random(3) > 0 && before !== undefined ? before.host : randomHost(random),
  }
}

function sameIn<T extends { readonly id: string }>(before: readonly T[] | undefined, { id }: T): T | undefined {
  return before?.find(its => its.id === id)
}

function someOf<T>(random: Random, all: readonly T[]): readonly T[] {
  return all.filter(() => random(2) === 0)
}

function randomGroup(
  random: Random,
  name: string,
  protocol: SnapshotListener['protocol'],
  targets: string,
): SnapshotGroup {
  const modes = ['serve', 'serve', 'serve', 'drain', 'cut']
  const its = someOf(random, [2, 3, 4, 5]).map(n => `${targets}${n} ${9000 + random(2)} ${modes[random(5)]}`)
  return groupAt(name, protocol, its, {
    // One whose table is so much larger is enough.
    sticky: name === 'web0-0' && random(8) === 0,
    preserveClientIp: protocol === 'UDP' || random(2) === 0,
  })
}

function randomListener(
  random: Random,
  id: string,
  groups: readonly SnapshotGroup[],
  clients: readonly string[],
): SnapshotListener {
  return listenerAt(
    id,
    someOf(random, groups).map(group => [group, random(3)]),
    {
      admit: random(3) === 0 ? undefined : someOf(random, clients).map(cidr => ({ cidr })),
      idleTimeoutMs: [60_000, 120_000][random(2)]!,
      synproxy: random(4) === 0,
    },
  )
}

function randomGuard(random: Random, id: string, address: string, clients: readonly string[]): SnapshotGuard {
  const rules = someOf(random, ['TCP', 'UDP', 'ICMP', 'ALL'] as const).map((protocol): GuardRule => {
    const fromPort = protocol === 'ICMP' ? random(10) - 1 : random(9_000)
    const toPort = protocol === 'ICMP' ? random(5) - 1 : fromPort + random(1_000)
    const through = someOf(random, ['UDP 10.9.0.1 8080', 'TCP 10.9.0.1 8081', 'TCP fd00:9::1 8080'])
    const cidrs = someOf(random, clients.slice(1))
    const isBalanced = protocol !== 'ICMP' && through.length > 0
    return { protocol, fromPort, toPort, cidrs, through, ...(isBalanced && { fromBalancer: true }) }
  })
  return { id, address, rules }
}

function randomHost(random: Random): HostFacts {
  return hostWith({ links: someOf(random, links).map((cidr, i) => ({ name: `eth${i}`, cidr })) })
}
