import type { Snapshot, SnapshotGroup, SnapshotGuard, SnapshotListener, SnapshotTarget } from '../../domain/snapshot.ts'

/** Snapshots for tests, in few words. */
export function snapshotOf(
  listeners: readonly SnapshotListener[],
  groups: readonly SnapshotGroup[],
  guards: readonly SnapshotGuard[] = [],
): Snapshot {
  return { revision: 1, listeners, groups, guards }
}

/** @param id `UDP 10.9.0.1 8080` @param route groups with their weights */
export function listenerAt(
  id: string,
  route: readonly (readonly [SnapshotGroup, number])[],
  changes: Partial<SnapshotListener> = {},
): SnapshotListener {
  const [protocol, address = '', port] = id.split(' ')
  return {
    id,
    listenerArn: `arn:listener/${id}`,
    protocol: protocol === 'UDP' ? 'UDP' : 'TCP',
    address,
    port: Number(port),
    admit: undefined,
    route: route.map(([{ id: group }, weight]) => ({ group, weight })),
    idleTimeoutMs: protocol === 'UDP' ? 120_000 : 350_000,
    synproxy: false,
    ...changes,
  }
}

/** @param targets `10.9.1.2 9000`, or with a mode: `10.9.1.2 9000 drain` */
export function groupAt(
  name: string,
  protocol: SnapshotListener['protocol'],
  targets: readonly string[],
  changes: Partial<SnapshotGroup> = {},
): SnapshotGroup {
  const arn = `arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/${name}/50dc6c495c0c9188`
  return {
    id: `${arn} ${protocol} *`,
    targets: targets.map(text => targetAt(arn, text)),
    sticky: false,
    proxyProtocol: false,
    preserveClientIp: true,
    ...changes,
  }
}

function targetAt(arn: string, text: string): SnapshotTarget {
  const [address = '', port, mode = 'serve'] = text.split(' ')
  return { key: `${arn} ${address} ${port}`, address, port: Number(port), mode: mode as SnapshotTarget['mode'] }
}
