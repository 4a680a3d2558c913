import type { GuardRule, Snapshot, SnapshotGroup, SnapshotGuard, SnapshotListener, SnapshotTarget } from './snapshot.ts'

/**
 * A snapshot as text, for people and for tests' goldens: one line a listener, a route, a group, a target, a guard and
 * its rules, in the snapshot's order.
 */
export function printSnapshot(snapshot: Snapshot): string {
  return [
    `revision ${snapshot.revision}`,
    ...snapshot.listeners.flatMap(printListener),
    ...snapshot.groups.flatMap(printGroup),
    ...snapshot.guards.flatMap(printGuard),
    '',
  ].join('\n')
}

function printListener(listener: SnapshotListener): string[] {
  const admitted =
    listener.admit === undefined
      ? 'everyone'
      : listener.admit.length === 0
        ? 'nobody'
        : listener.admit.map(({ cidr }) => cidr).join(' ')
  return [
    `listener ${listener.id}, idle ${listener.idleTimeoutMs / 1000} s, admits ${admitted}${listener.synproxy ? ', SYN cookies' : ''}`,
    ...listener.route.map(
      ({ group, weight, keepsFlows }) => `  ${weight} ${group}${keepsFlows ? ', keeps its flows' : ''}`,
    ),
  ]
}

function printGroup(group: SnapshotGroup): string[] {
  const traits = [
    ...(group.sticky ? [', sticky'] : []),
    ...(group.proxyProtocol ? [', proxy protocol'] : []),
    ...(group.preserveClientIp ? [', preserves the client address'] : []),
  ]
  return [`group ${group.id}${traits.join('')}`, ...group.targets.map(printTarget)]
}

function printTarget({ mode, address, port, key }: SnapshotTarget): string {
  // An IP target's id is its address; an instance's says more.
  const id = key.split(' ').at(-2) ?? ''
  return `  ${mode} ${address} ${port}${id === address ? '' : ` (${id})`}`
}

function printGuard({ id, address, rules }: SnapshotGuard): string[] {
  return [`guard ${id} ${address}`, ...rules.map(printRule)]
}

function printRule({ protocol, fromPort, toPort, cidrs, through }: GuardRule): string {
  const ports = fromPort === toPort ? `${fromPort}` : `${fromPort}-${toPort}`
  const what = { TCP: ` ${ports}`, UDP: ` ${ports}`, ICMP: ` ${fromPort} ${toPort}`, ALL: '' }[protocol]
  return `  ${protocol}${what} from ${[...cidrs, ...through.map(listener => `(${listener})`)].join(' ')}`
}
