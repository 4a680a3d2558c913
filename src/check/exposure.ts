import { type Listener, type LoadBalancer, transportsOf } from '../domain/load-balancer.ts'
import type { SecurityGroup, SecurityGroupRule } from '../domain/security-group.ts'
import type { State } from '../domain/state.ts'
import { aws } from './aws-command.ts'
import type { Finding } from './finding.ts'
import type { Pair } from './pair.ts'

/** Network Load Balancers without a security group: they admit everyone, and can never be given one (AWS: SetSecurityGroups). */
export function openLoadBalancers(state: State, pairs: readonly Pair[]): readonly Finding[] {
  const aside = new Set(pairs.flatMap(pair => sideDoors(state, pair)))
  return [...state.loadBalancers.values()].flatMap((loadBalancer): readonly Finding[] => {
    const { type, securityGroups, name, scheme } = loadBalancer
    if (type !== 'network' || securityGroups.length > 0) return []
    const who = scheme === 'internal' ? 'Whoever reaches its addresses' : 'The whole internet'
    return [
      {
        id: 'no-security-group',
        severity: 'warning',
        subject: `load balancer ${name}`,
        text: 'It has no security group, and a Network Load Balancer that was made without one can never be given one.',
        consequence: `${who} reaches every listener, for as long as it lives; and its targets' security groups cannot name it as their source.`,
        cure: 'A new one with a security group, in its place: make its listeners there, then move the clients to its name.',
        commands: replacement(state, loadBalancer, aside),
      },
    ]
  })
}

/** Listeners that are there for tests, or for nobody, and let everybody in from the internet. */
export function openSideDoors(state: State, pairs: readonly Pair[]): readonly Finding[] {
  const doors = new Map(pairs.flatMap(pair => sideDoors(state, pair).map(listener => [listener, pair] as const)))
  return [...doors].flatMap(([listener, pair]): readonly Finding[] => {
    const { loadBalancer, test } = pair
    const open = openingsOf(state, loadBalancer, listener)
    if (loadBalancer.scheme !== 'internet-facing' || open === undefined) return []
    const isTest = listener === test?.listener
    const consequence = isTest
      ? 'Anybody on the internet uses the new version while you test it, from the first second and before any check of yours has passed.'
      : 'Anybody on the internet uses both versions past the production listener, and the new one from its first healthy task on.'
    return [
      {
        id: 'open-test-port',
        severity: 'warning',
        subject: pair.subject,
        text: `The ${isTest ? 'test' : 'dummy'} listener at ${listener.protocol} ${listener.port} of the internet-facing load balancer ${loadBalancer.name} is open to everyone.`,
        consequence,
        ...cureOf(state, listener, open),
      },
    ]
  })
}

/**
 * A pair's test listener, if it is one of its own, and the dummies: what else names its groups on a Network Load Balancer, where a deployment
 * moves one listener for production.
 */
function sideDoors(state: State, { loadBalancer, production, test, groups }: Pair): readonly Listener[] {
  const arns = groups.map(({ arn }) => arn)
  return [...state.listeners.values()].filter(listener => {
    if (listener === production.listener || listener.loadBalancerArn !== loadBalancer.arn) return false
    const isDummy = listener.forward.some(its => arns.includes(its.targetGroupArn)) && loadBalancer.type === 'network'
    return listener === test?.listener || isDummy
  })
}

interface Opening {
  readonly group: SecurityGroup
  readonly rule: SecurityGroupRule
}

/** The rules that admit everyone there: none where there is no security group. `undefined`: not everyone is admitted. */
function openingsOf(state: State, loadBalancer: LoadBalancer, listener: Listener): readonly Opening[] | undefined {
  const { securityGroups, ipAddressType } = loadBalancer
  if (securityGroups.length === 0) return []
  const everyone = ipAddressType === 'dualstack' ? ['0.0.0.0/0', '::/0'] : ['0.0.0.0/0']
  const openings = securityGroups.flatMap(id => {
    const group = state.securityGroups.get(id)
    const open = group?.rules.filter(rule => everyone.includes(cidrOf(rule) ?? '') && admits(rule, listener)) ?? []
    return open.map(rule => ({ group: group!, rule }))
  })
  return openings.length === 0 ? undefined : openings
}

function cidrOf({ peer }: SecurityGroupRule): string | undefined {
  return 'cidrIpv4' in peer ? peer.cidrIpv4 : 'cidrIpv6' in peer ? peer.cidrIpv6 : undefined
}

function admits(rule: SecurityGroupRule, { protocol, port }: Listener): boolean {
  const { isEgress, ipProtocol, fromPort = 0, toPort = 65_535 } = rule
  if (isEgress) return false
  if (ipProtocol === '-1') return true
  return transportsOf(protocol).some(its => its.toLowerCase() === ipProtocol) && fromPort <= port && port <= toPort
}

function cureOf(state: State, door: Listener, openings: readonly Opening[]): Pick<Finding, 'cure' | 'commands'> {
  if (openings.length === 0)
    return {
      cure: 'A load balancer with a security group, or an internal one, in the place of this one.',
      commands: [],
    }
  const guarded = [...state.instances.values()].filter(
    ({ state: its, securityGroups }) =>
      its !== 'terminated' && openings.some(({ group }) => securityGroups.includes(group.id)),
  )
  if (guarded.length > 0 && openings.some(({ rule }) => !isFor(rule, door)))
    return {
      cure: `A security group of the load balancer's own, as ${openings[0]!.group.id} also guards ${guarded.map(({ id }) => id).join(', ')}; then admit to port ${door.port} only those who test.`,
      commands: [],
    }
  return {
    cure: `Admit nobody there, or only those who test (aws ec2 authorize-security-group-ingress --cidr with their range).`,
    commands: openings.flatMap(({ group, rule }) => [
      ...othersBehind(state, group, rule, door),
      aws('ec2 revoke-security-group-ingress', { 'group-id': group.id, 'security-group-rule-ids': [rule.id] }),
    ]),
  }
}

/** Whether the rule admits to this one port and no other. */
function isFor({ fromPort, toPort }: SecurityGroupRule, { port }: Listener): boolean {
  return fromPort === port && toPort === port
}

/** A rule of many ports goes; what else it opens of the load balancers that have its group is opened port by port before. */
function othersBehind(state: State, group: SecurityGroup, rule: SecurityGroupRule, door: Listener): readonly string[] {
  if (isFor(rule, door)) return []
  const others = [...state.listeners.values()].filter(listener => {
    const loadBalancer = state.loadBalancers.get(listener.loadBalancerArn)
    const isSame = listener.loadBalancerArn === door.loadBalancerArn && listener.port === door.port
    return !isSame && loadBalancer?.securityGroups.includes(group.id) && admits(rule, listener)
  })
  const ports = new Set(
    others.flatMap(({ protocol, port }) => transportsOf(protocol).map(its => `${its.toLowerCase()} ${port}`)),
  )
  return [...ports].flatMap(place => {
    const [ipProtocol = '', port = ''] = place.split(' ')
    const isThere = group.rules.some(
      its =>
        !its.isEgress &&
        its.ipProtocol === ipProtocol &&
        its.fromPort === Number(port) &&
        its.toPort === Number(port) &&
        cidrOf(its) === cidrOf(rule),
    )
    return isThere ? [] : [admitted(group.id, ipProtocol, Number(port), cidrOf(rule)!)]
  })
}

function admitted(groupId: string, protocol: string, port: number, cidr: string): string {
  if (!cidr.includes(':'))
    return aws('ec2 authorize-security-group-ingress', { 'group-id': groupId, protocol, port, cidr })
  const permission = { IpProtocol: protocol, FromPort: port, ToPort: port, Ipv6Ranges: [{ CidrIpv6: cidr }] }
  return aws('ec2 authorize-security-group-ingress', {
    'group-id': groupId,
    'ip-permissions': JSON.stringify([permission]),
  })
}

/** @param aside listeners that are not for everybody */
function replacement(state: State, loadBalancer: LoadBalancer, aside: ReadonlySet<Listener>): readonly string[] {
  const { name, vpcId, scheme, zones, ipAddressType } = loadBalancer
  const successor = `${name.slice(0, 30)}-2`
  const create = aws('ec2 create-security-group', {
    'group-name': successor,
    description: `who may reach ${successor}`,
    'vpc-id': vpcId,
    query: 'GroupId',
    output: 'text',
  })
  const cidr = (scheme === 'internal' && state.vpcs.get(vpcId)?.cidrBlock) || '0.0.0.0/0'
  const listeners = [...state.listeners.values()].filter(
    its => its.loadBalancerArn === loadBalancer.arn && !aside.has(its),
  )
  return [
    `group=$(${create})`,
    ...listeners.flatMap(({ protocol, port }) =>
      transportsOf(protocol).map(its => admitted('$group', its.toLowerCase(), port, cidr)),
    ),
    aws('elbv2 create-load-balancer', {
      name: successor,
      type: 'network',
      scheme,
      subnets: zones.map(({ subnetId }) => subnetId),
      'security-groups': ['$group'],
      ...(ipAddressType !== 'ipv4' && { 'ip-address-type': ipAddressType }),
    }),
  ]
}
