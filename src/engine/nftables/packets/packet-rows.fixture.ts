import type { AddressFamily } from '../../../domain/cidr.ts'
import type { Snapshot, SnapshotGroup, SnapshotListener } from '../../../domain/snapshot.ts'
import type { DropReason } from '../../engine.ts'
import { groupAt, listenerAt, snapshotOf } from '../snapshot.fixture.ts'
import { type Place, places } from './packet-hosts.fixture.ts'

/** A flow to a listener, and what becomes of it; of both families and protocols, if nothing else is said. */
export interface Row {
  /** `unbound`: on the balancer, with the address that the kernel takes for it. */
  readonly from: Place | 'unbound'
  readonly to: Place
  readonly port: number
  /** The target that answers, `PLACE PORT`; or why nobody does. `refused`: nothing listens there. */
  readonly verdict: `${Place} ${number}` | DropReason | 'refused'
  /** Whom the target sees. */
  readonly sees?: Place
  readonly only?: AddressFamily | SnapshotListener['protocol']
  /** So many flows, all with the same verdict; 1 if nothing is said. */
  readonly flows?: number
  /** What the client sends, and gets back. */
  readonly bytes?: number
  readonly sourcePort?: number
}

export const rows: readonly Row[] = [
  // Clients on other hosts keep their addresses, also behind a router.
  { from: 'client', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'client' },
  { from: 'client', to: 'local', port: 8080, verdict: 'target 9000', sees: 'client' },
  { from: 'far', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'far' },
  { from: 'far', to: 'inside', port: 8080, verdict: 'target 9000', sees: 'far' },
  { from: 'client', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'client', bytes: 5_000 },
  // On its way to `far` the answer meets a link for shorter packets, of which the target must hear.
  { from: 'far', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'far', bytes: 50_000, only: 'TCP' },
  // Whoever the target would answer directly comes from the balancer.
  { from: 'neighbor', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'inside' },
  { from: 'neighbor', to: 'inside', port: 8080, verdict: 'target 9000', sees: 'inside' },
  { from: 'target', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'inside' },
  { from: 'target', to: 'inside', port: 8080, verdict: 'target 9000', sees: 'inside' },
  // Clients on the balancer.
  { from: 'unbound', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'balancer' },
  { from: 'inside', to: 'balancer', port: 8080, verdict: 'target 9000', sees: 'inside' },
  { from: 'unbound', to: 'local', port: 8080, verdict: 'target 9000', sees: 'inside' },
  { from: 'unbound', to: 'loopback', port: 8080, verdict: 'loopback 9000', sees: 'loopback' },
  { from: 'unbound', to: 'loopback', port: 8081, verdict: 'inside 9000', sees: 'loopback' },
  // Targets on the balancer.
  { from: 'client', to: 'balancer', port: 8081, verdict: 'inside 9000', sees: 'client' },
  { from: 'neighbor', to: 'balancer', port: 8081, verdict: 'inside 9000', sees: 'neighbor' },
  { from: 'unbound', to: 'balancer', port: 8081, verdict: 'inside 9000', sees: 'balancer' },
  { from: 'unbound', to: 'inside', port: 8081, verdict: 'inside 9000', sees: 'inside' },
  { from: 'unbound', to: 'local', port: 8081, verdict: 'inside 9000', sees: 'local' },
  { from: 'loopback', to: 'local', port: 8081, verdict: 'inside 9000', sees: 'loopback' },
  { from: 'client', to: 'balancer', port: 8089, verdict: 'task 9000', sees: 'client' },
  { from: 'unbound', to: 'local', port: 8089, verdict: 'task 9000', sees: 'local' },
  { from: 'unbound', to: 'loopback', port: 8089, verdict: 'task 9000', sees: 'loopback' },
  // preserve_client_ip.enabled=false
  { from: 'client', to: 'balancer', port: 8082, verdict: 'target 9000', sees: 'inside', only: 'TCP' },
  { from: 'far', to: 'local', port: 8082, verdict: 'target 9000', sees: 'inside', only: 'TCP' },
  { from: 'unbound', to: 'balancer', port: 8082, verdict: 'target 9000', sees: 'inside', only: 'TCP' },
  { from: 'client', to: 'balancer', port: 8083, verdict: 'inside 9000', sees: 'balancer', only: 'TCP' },
  { from: 'neighbor', to: 'local', port: 8083, verdict: 'inside 9000', sees: 'local', only: 'TCP' },
  { from: 'unbound', to: 'local', port: 8083, verdict: 'inside 9000', sees: 'local', only: 'TCP' },
  { from: 'client', to: 'balancer', port: 8082, verdict: 'target 9000', sees: 'client', only: 'UDP' },
  // Security groups: 8084 admits the client, 8085 what carries the load balancer's own group.
  { from: 'client', to: 'balancer', port: 8084, verdict: 'target 9000', sees: 'client' },
  { from: 'far', to: 'balancer', port: 8084, verdict: 'security-group' },
  { from: 'unbound', to: 'balancer', port: 8084, verdict: 'security-group' },
  { from: 'unbound', to: 'balancer', port: 8085, verdict: 'inside 9000', sees: 'balancer' },
  { from: 'loopback', to: 'balancer', port: 8085, verdict: 'inside 9000', sees: 'loopback' },
  { from: 'client', to: 'balancer', port: 8085, verdict: 'security-group' },
  { from: 'unbound', to: 'loopback', port: 8085, verdict: 'loopback 9000', sees: 'loopback' },
  // What is no flow for a target.
  { from: 'client', to: 'balancer', port: 8099, verdict: 'refused' },
  { from: 'client', to: 'balancer', port: 8086, verdict: 'no-target' },
  { from: 'balancer', to: 'balancer', port: 8080, verdict: 'bad-source', sourcePort: 8080 },
  { from: 'client', to: 'balancer', port: 8080, verdict: 'bad-source', sourcePort: 0, only: 'UDP' },
  // Of two targets, 9000 drains; and clients keep theirs, whatever their port.
  { from: 'client', to: 'balancer', port: 8087, verdict: 'target 9001', sees: 'client', flows: 8 },
  { from: 'client', to: 'balancer', port: 8088, verdict: 'target 9000', sees: 'client', flows: 8 },
  { from: 'neighbor', to: 'balancer', port: 8088, verdict: 'target 9001', sees: 'inside', flows: 8 },
  { from: 'far', to: 'balancer', port: 8088, verdict: 'target 9000', sees: 'far', flows: 8 },
]

/** What the rows' flows meet. */
export function packetSnapshot(): Snapshot {
  const families = ['ipv4', 'ipv6'] as const
  const parts = families.flatMap(family => (['TCP', 'UDP'] as const).map(protocol => partOf(family, protocol)))
  return snapshotOf(
    parts.flatMap(({ listeners }) => listeners),
    parts.flatMap(({ groups }) => groups),
  )
}

function partOf(family: AddressFamily, protocol: SnapshotListener['protocol']) {
  const groups: SnapshotGroup[] = []
  const listeners: SnapshotListener[] = []
  const group = (name: string, targets: readonly string[], changes: Partial<SnapshotGroup> = {}): SnapshotGroup => {
    const its = targets.map(target => {
      const [place, ...rest] = target.split(' ')
      return [places[place as Place][family], ...rest].join(' ')
    })
    groups.push(groupAt(`${name}-${family}`, protocol, its, changes))
    return groups.at(-1)!
  }
  const listen = (at: readonly Place[], port: number, to: SnapshotGroup, changes: Partial<SnapshotListener> = {}) =>
    listeners.push(...at.map(place => listenerAt(`${protocol} ${places[place][family]} ${port}`, [[to, 1]], changes)))
  const admitting = (...who: readonly Place[]) => ({
    admit: who.map(place => ({ cidr: `${places[place][family]}/${family === 'ipv4' ? 32 : 128}` })),
  })
  const preserveClientIp = protocol === 'UDP'

  const web = group('web', ['target 9000'])
  const here = group('here', ['inside 9000'])
  const loopback = group('loopback', ['loopback 9000'])
  listen(['balancer', 'inside', 'local'], 8080, web)
  listen(['loopback'], 8080, loopback)
  listen(['balancer', 'inside', 'local', 'loopback'], 8081, here)
  listen(['balancer', 'local', 'loopback'], 8089, group('task', ['task 9000']))
  listen(['balancer', 'local'], 8082, group('hidden', ['target 9000'], { preserveClientIp }))
  listen(['balancer', 'local'], 8083, group('hidden-here', ['inside 9000'], { preserveClientIp }))
  listen(['balancer'], 8084, web, admitting('client'))
  listen(['balancer'], 8085, here, admitting('balancer'))
  listen(['loopback'], 8085, loopback, admitting('loopback'))
  listen(['balancer'], 8090, group('closed', ['target 9999']))
  listen(['balancer'], 8091, group('closed-here', ['inside 9999']))
  listen(['balancer'], 8086, group('over', ['target 9000 drain', 'target 9001 cut']))
  listen(['balancer'], 8087, group('draining', ['target 9000 drain', 'target 9001']))
  listen(['balancer'], 8088, group('sticky', ['target 9000', 'target 9001'], { sticky: true }))
  return { listeners, groups }
}

/** Each row of each family and protocol that it is about. */
export function flowsOf(
  row: Row,
): readonly { readonly family: AddressFamily; readonly protocol: SnapshotListener['protocol'] }[] {
  return (['ipv4', 'ipv6'] as const).flatMap(family =>
    (['TCP', 'UDP'] as const)
      .filter(protocol => row.only === undefined || row.only === family || row.only === protocol)
      .map(protocol => ({ family, protocol })),
  )
}
