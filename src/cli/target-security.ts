import { isOnNoCard } from '../domain/addresses.ts'
import { disjoint } from '../domain/admission.ts'
import { addressFamily, formatCidr, hostCidr, isIpv6, isLoopback } from '../domain/cidr.ts'
import type { GuardRule } from '../domain/snapshot.ts'
import { describeService, type TargetHost, type TargetHosts } from '../domain/target-hosts.ts'

/**
 * An nftables ruleset for the targets' own hosts: to the service's ports and the health check's it admits what came through
 * the load balancer and nothing else; of an instance with security groups of its own it enforces these as a whole. Comments
 * say which test tells what came through the load balancer, and why that one. A client whose address is kept passes.
 */
export function renderTargetSecurity(targets: TargetHosts): string {
  const { name, revision, hosts } = targets
  const table = `inet sluice-target-${name}`
  const remote = hosts.filter(({ facing }) => facing.kind !== 'own')
  const lines = [
    `# What may reach the targets of ${name}, as of revision ${revision}. On each target's own host: nft -f THIS-FILE`,
    `# Loading it again replaces it; it is gone after: nft delete table ${table}`,
    ...describeTests(targets),
    '',
  ]
  if (remote.length === 0) return lines.join('\n')
  return [
    ...lines,
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    '  chain input {',
    '    type filter hook input priority filter; policy accept;',
    '    iif "lo" accept',
    '    ct state established,related accept',
    ...remote.map(({ address }) => `    ${familyOf(address)} daddr ${address} jump ${chainOf(address)}`),
    '  }',
    ...remote.flatMap(host => renderChain(targets, host)),
    '}',
    '',
  ].join('\n')
}

function rulesOf(
  { preservesClient, through }: TargetHosts,
  { guard, services, checkPorts }: TargetHost,
): readonly GuardRule[] {
  if (guard !== undefined) return guard.rules
  const rule = (protocol: GuardRule['protocol'], port: number, its: readonly string[]): GuardRule => ({
    protocol,
    fromPort: port,
    toPort: port,
    cidrs: [],
    through: its,
    fromBalancer: true,
  })
  const checks = checkPorts.filter(port => !services.some(its => its.protocol === 'TCP' && its.port === port))
  return [
    ...services.map(({ protocol, port }) => rule(protocol, port, preservesClient ? through : [])),
    ...checks.map(port => rule('TCP', port, [])),
  ]
}

function renderChain(targets: TargetHosts, host: TargetHost): readonly string[] {
  const { address, guard, services, checkPorts } = host
  const rules = rulesOf(targets, host)
  const closed =
    guard === undefined
      ? [
          ...services.map(({ protocol, port }) => `${protocol.toLowerCase()} dport ${port} `),
          ...checkPorts.map(port => `tcp dport ${port} `),
        ]
      : ['']
  const lines = [
    // Neighbors must be able to find the host (RFC 4861); no security group of AWS's bars that.
    ...(guard !== undefined && isIpv6(address)
      ? ['icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept']
      : []),
    ...rules.flatMap(rule => sourcesOf(targets, host, rule).map(source => `${source}${matchOf(rule, address)}accept`)),
    ...closed.map(what => `${what}counter drop`),
  ]
  return ['', `  chain ${chainOf(address)} {`, ...[...new Set(lines)].map(line => `    ${line}`), '  }']
}

/** Tests of the source, each of which admits: none where nobody is. The empty one admits everyone. */
function sourcesOf(targets: TargetHosts, host: TargetHost, rule: GuardRule): readonly string[] {
  const { facing, address } = host
  if (facing.kind === 'link' && facing.mac !== undefined) {
    const named = sourceIn(rule.cidrs, address)
    return [...named, ...(rule.fromBalancer ? [`ether saddr ${facing.mac} `] : [])]
  }
  const balancer = rule.fromBalancer ? balancerCidrs(targets, host) : []
  return sourceIn([...rule.cidrs, ...admittedThrough(targets, host, rule), ...balancer], address)
}

function sourceIn(cidrs: readonly string[], address: string): readonly string[] {
  const ranges = disjoint(cidrs).filter(({ family }) => family === addressFamily(address))
  if (ranges.length === 0) return []
  if (ranges.some(({ prefixLength }) => prefixLength === 0)) return ['']
  return [`${familyOf(address)} saddr { ${ranges.map(formatCidr).join(', ')} } `]
}

/** Whom the listeners admit that the rule's flows may have come through. */
function admittedThrough({ listeners }: TargetHosts, { address }: TargetHost, rule: GuardRule): readonly string[] {
  return listeners
    .filter(({ id, protocol }) => rule.through.includes(id) && (rule.protocol === 'ALL' || rule.protocol === protocol))
    .filter(listener => isIpv6(listener.address) === isIpv6(address))
    .flatMap(({ admit }) => admit?.map(({ cidr }) => cidr) ?? [isIpv6(address) ? '::/0' : '0.0.0.0/0'])
}

/** Where the balancing host's own packets to this one come from. */
function balancerCidrs({ balancerAddresses }: TargetHosts, { address, facing }: TargetHost): readonly string[] {
  const own = 'address' in facing ? [facing.address, ...balancerAddresses] : balancerAddresses
  return own.filter(its => !isLoopback(its) && isIpv6(its) === isIpv6(address)).map(hostCidr)
}

function matchOf({ protocol, fromPort, toPort }: GuardRule, address: string): string {
  switch (protocol) {
    case 'ALL':
      return ''
    case 'ICMP': {
      const name = isIpv6(address) ? 'icmpv6' : 'icmp'
      if (fromPort === -1) return `meta l4proto ${isIpv6(address) ? 'ipv6-icmp' : 'icmp'} `
      return `${name} type ${fromPort} ${toPort === -1 ? '' : `${name} code ${toPort} `}`
    }
    default:
      return `${protocol.toLowerCase()} dport ${fromPort === toPort ? fromPort : `${fromPort}-${toPort}`} `
  }
}

/** Which test tells what came through the load balancer, and why: a paragraph for all hosts that have it in common. */
function describeTests(targets: TargetHosts): readonly string[] {
  const byTest = Map.groupBy(targets.hosts, host => testOf(targets, host).join('\n# '))
  return [...byTest].flatMap(([test, hosts]) => {
    const names = hosts.map(({ id, address }) => (id === address ? address : `${id} (${address})`))
    return ['#', `# ${names.join(', ')}:`, `# ${test}`, ...hosts.flatMap(describeGaps)]
  })
}

function testOf(targets: TargetHosts, { address, guard, facing }: TargetHost): readonly string[] {
  const scope = guard === undefined ? [] : ['All else that its security groups do not admit is dropped, on every port.']
  const byAddress = (reason: string) => [
    `the test is the source's address: ${reason}.`,
    `Admitted: ${clientsOf(targets)}. Render it again when that changes.`,
    ...scope,
  ]
  switch (facing.kind) {
    case 'own':
      if (guard === undefined) return ['an address of the balancing host itself. Nothing is to be loaded.']
      return isOnNoCard(address)
        ? ['an address of the balancing host itself, where its security groups are enforced. Nothing is to be loaded.']
        : [
            'an address of the balancing host itself. No group is enforced on it, lest it bar you from that host: give the',
            'service a namespace or a container with an address of its own.',
          ]
    case 'unknown':
      return byAddress(`${facing.reason}, so nothing is known of the way`)
    case 'router':
      return byAddress(`behind the router ${facing.router}, whose frames look alike whatever they carry`)
    case 'link':
      if (facing.mac === undefined) return byAddress(`the link, ${facing.device}, has no hardware addresses`)
      return [
        `the test is the frame's source: ${facing.mac}, the balancing host's ${facing.device}, on the same link.`,
        'It holds whoever the client is. It cannot tell what that host forwards without balancing it, nor forged frames.',
        ...scope,
      ]
  }
}

function clientsOf({ preservesClient, listeners }: TargetHosts): string {
  if (!preservesClient) return 'the balancing host, as clients’ addresses are not kept'
  return listeners.some(({ admit }) => admit === undefined)
    ? 'everyone, as the load balancer has no security groups; nothing here tells its clients from others'
    : 'whom the listeners admit, and the balancing host'
}

/** What the load balancer needs and the instance's own groups bar. */
function describeGaps({ guard, services, checkPorts, address }: TargetHost): readonly string[] {
  if (guard === undefined) return []
  const needed = [...services, ...checkPorts.map(port => ({ protocol: 'TCP' as const, port }))]
  const barred = needed.filter(
    ({ protocol, port }) =>
      !guard.rules.some(
        rule => rule.protocol === 'ALL' || (rule.protocol === protocol && rule.fromPort <= port && port <= rule.toPort),
      ),
  )
  const names = new Set(barred.map(service => describeService(service, address)))
  return names.size === 0 ? [] : [`# NOTE: no rule of its security groups admits anybody to ${[...names].join(', ')}.`]
}

function familyOf(address: string): 'ip' | 'ip6' {
  return isIpv6(address) ? 'ip6' : 'ip'
}

/** Letters, digits, dots and underscores; nft's names have no colons. */
function chainOf(address: string): string {
  return `target-${address.replaceAll(':', '_')}`
}
