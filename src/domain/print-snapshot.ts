import { printAnswer, printCondition } from './print-rule.ts'
import type {
  GuardRule,
  RoutedGroup,
  Snapshot,
  SnapshotGroup,
  SnapshotGuard,
  SnapshotListener,
  SnapshotTarget,
  SnapshotTls,
} from './snapshot.ts'
import type { HttpSettings, SnapshotHttp, SnapshotHttpGroup, SnapshotRule } from './snapshot-http.ts'

/**
 * A snapshot as text, for people and for tests' goldens: one line a listener, a certificate, a route, a rule and each of its
 * conditions, a group, a target, a guard and its rules, in the snapshot's order. Secrets and keys are left out.
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
    ...(listener.tls === undefined ? [] : printTls(listener.tls)),
    ...listener.route.map(printRouted),
    ...(listener.http === undefined ? [] : printHttp(listener.http)),
  ]
}

function printRouted({ group, weight, keepsFlows }: RoutedGroup): string {
  return `  ${weight} ${group}${keepsFlows ? ', keeps its flows' : ''}`
}

function printTls({ certificates, sslPolicy, alpnPolicy }: SnapshotTls): string[] {
  return [
    `  TLS ${sslPolicy}${alpnPolicy === undefined ? '' : `, ALPN ${alpnPolicy}`}`,
    ...certificates.map(({ arn, names }) => `  certificate ${arn}: ${names.join(' ')}`),
  ]
}

/** A setting that has its usual value says nothing. */
function printHttp({ loadBalancer, rules, settings }: SnapshotHttp): string[] {
  const { secret, accessLog, connectionLog, responseFields, ...plain } = settings
  const said = Object.entries(plain).filter(([name, value]) => usual[name as keyof typeof usual] !== value)
  return [
    `  HTTP ${loadBalancer}${said.map(([name, value]) => `, ${name} ${value}`).join('')}`,
    ...responseFields.map(([name, value]) => `  adds ${name}: ${value}`),
    ...[accessLog, connectionLog].flatMap(place => (place ? `  logs to ${place.bucket}/${place.prefix}` : [])),
    ...rules.flatMap(printHttpRule),
  ]
}

const usual: Omit<HttpSettings, 'secret' | 'accessLog' | 'connectionLog' | 'responseFields'> = {
  desyncMode: 'defensive',
  dropInvalidHeaderFields: false,
  preserveHost: false,
  tlsHeaders: false,
  tlsVersionHeader: 'X-Amzn-Tls-Version',
  tlsCipherHeader: 'X-Amzn-Tls-Cipher-Suite',
  xff: 'append',
  xffClientPort: false,
  idleTimeoutMs: 60_000,
  clientKeepAliveMs: 3_600_000,
  serverHeader: true,
}

function printHttpRule({ priority, conditions, action }: SnapshotRule): string[] {
  const { forward, stickySeconds, answer } = action
  const sticky = stickySeconds === undefined ? '' : `, sticky ${stickySeconds} s`
  return [
    `  rule ${priority === 0 ? 'default' : priority}${sticky}`,
    ...conditions.map(condition => `    if ${printCondition(condition)}`),
    ...forward.map(routed => `  ${printRouted(routed)}`),
    ...(answer === undefined ? [] : [`    ${printAnswer(answer)}`]),
  ]
}

function printGroup(group: SnapshotGroup): string[] {
  const traits = [
    ...(group.sticky ? [', sticky'] : []),
    ...(group.proxyProtocol ? [', proxy protocol'] : []),
    ...(group.preserveClientIp ? [', preserves the client address'] : []),
    ...(group.tls ? [', TLS'] : []),
    ...(group.ofLoadBalancers ? [', of load balancers'] : []),
    ...(group.http ? [printHttpGroup(group.http)] : []),
  ]
  return [`group ${group.id}${traits.join('')}`, ...group.targets.map(printTarget)]
}

function printHttpGroup({ protocolVersion, algorithm, anomalyMitigation, slowStartMs, stickiness }: SnapshotHttpGroup) {
  const { cookieName = 'of the load balancer', durationSeconds } = stickiness ?? {}
  return [
    `, ${protocolVersion}, ${algorithm}`,
    ...(anomalyMitigation ? [', anomaly mitigation'] : []),
    ...(slowStartMs > 0 ? [`, slow start ${slowStartMs / 1000} s`] : []),
    ...(stickiness ? [`, cookie ${cookieName} for ${durationSeconds} s`] : []),
  ].join('')
}

function printTarget({ mode, address, port, key, rampFrom }: SnapshotTarget): string {
  // An IP target's id is its address; an instance's says more.
  const id = key.split(' ').at(-2) ?? ''
  return `  ${mode} ${address} ${port}${id === address ? '' : ` (${id})`}${rampFrom === undefined ? '' : `, slow since ${new Date(rampFrom).toISOString()}`}`
}

function printGuard({ id, address, rules }: SnapshotGuard): string[] {
  return [`guard ${id} ${address}`, ...rules.map(printRule)]
}

function printRule({ protocol, fromPort, toPort, cidrs, through }: GuardRule): string {
  const ports = fromPort === toPort ? `${fromPort}` : `${fromPort}-${toPort}`
  const what = { TCP: ` ${ports}`, UDP: ` ${ports}`, ICMP: ` ${fromPort} ${toPort}`, ALL: '' }[protocol]
  return `  ${protocol}${what} from ${[...cidrs, ...through.map(listener => `(${listener})`)].join(' ')}`
}
