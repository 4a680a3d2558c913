import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { networkInterfaces } from 'node:os'
import { localIpv6Range, localRange, loopbackRange } from '../domain/addresses.ts'
import { dnsZone } from '../domain/load-balancer.ts'
import { printTiming } from '../domain/timing.ts'
import type { FlowTable } from '../engine/engine.ts'
import { isNetworkAdmin } from '../engine/network-admin.ts'
import { tableOf } from '../engine/nftables/names.ts'
import { sluiceTables } from '../engine/nftables/table/sluice-tables.ts'
import type { ListenerStatus, Status } from '../status.ts'
import { inquire } from './inquiry.ts'
import type { Options } from './options.ts'

/**
 * Prints what this machine can and cannot do, and, where Sluice runs, how each listener and each deployment under way is.
 * Answers the exit code: 0 where nothing is wrong, 1 where something that was asked for is not in place.
 */
export async function doctor(options: Options): Promise<number> {
  const print = (line: string) => process.stdout.write(`${line}\n`)
  const status = await inquire<Status>(options, { path: '/_sluice/status' })
  const dnsPort = typeof status === 'string' ? options.dnsPort : status.dnsPort
  for (const line of describeMachine(dnsPort)) print(line)
  print('')
  if (typeof status === 'string') {
    print(status)
    if (await servesOn(options))
      print('What it had set up in the kernel serves on: bin/sluice up takes it over, bin/sluice cleanup removes it.')
    return 1
  }
  print(`Sluice ${status.version} runs at http://${options.host}:${options.port}, revision ${status.revision}.`)
  print(
    status.node.connected
      ? `The node has revision ${status.node.revision} in place.`
      : 'The node process is not connected; it serves on the last state that it was told.',
  )
  const timing = printTiming(status.timing)
  if (timing !== undefined) print(`AWS's delays in taking changes over are played: ${timing}.`)
  if (status.listeners.length === 0) print('No listener was asked for yet.')
  for (const listener of status.listeners) for (const line of describeListener(listener)) print(line)
  for (const line of describeDeployments(status)) print(line)
  for (const line of describeSecurityGroups(status)) print(line)
  if (status.flowTable !== undefined) print(describeFlowTable(status.flowTable))
  const sound = status.node.connected && status.listeners.every(({ problems }) => problems.length === 0)
  return sound ? 0 : 1
}

/** Whether this Sluice's table is in the kernel, and no process of its own with it. */
async function servesOn({ dataDir }: Options): Promise<boolean> {
  try {
    const { name } = tableOf(dataDir)
    return (await sluiceTables()).some(table => table.name === name && table.owner === undefined)
  } catch {
    // This process may not look, or there is no such kernel.
    return false
  }
}

function describeMachine(dnsPort: number): string[] {
  const root = process.getuid?.() === 0
  const linux = process.platform === 'linux'
  const lines = [
    `Machine: ${process.platform} ${process.arch}, node ${process.versions.node}, ${root ? 'root' : `user ${process.getuid?.()}`}`,
  ]
  const mayChangeNetwork = isNetworkAdmin()
  lines.push(...describeEngines(mayChangeNetwork, linux))
  lines.push(
    linux
      ? 'Default VPC: 127.0.0.1 (local-1a) and 127.0.0.2 (local-1b), shared by its load balancers, port by port.'
      : 'Default VPC: 127.0.0.1 (local-1a), shared by its load balancers, port by port.',
  )
  const own = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      // No subnet is made of link-local addresses, nor of our ends of links to tasks.
      .filter(
        ({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/.test(address) && !name.startsWith('sluice-'),
      )
      .map(({ cidr }) => `${cidr} (${name})`),
  )
  if (own.length > 0) lines.push(`Subnets over these addresses of this host are served on them: ${own.join(', ')}.`)
  lines.push(
    mayChangeNetwork
      ? `Other subnets: each load balancer gets an address of its own in ${localRange} (${localIpv6Range}), by one local route.`
      : `Other subnets: each load balancer gets an address of its own in ${loopbackRange}, for this host only (as root, or with CAP_NET_ADMIN: ${localRange}, for containers and routed hosts too).`,
  )
  const lowest = linux ? unprivilegedPort() : 1024
  if (!root) lines.push(`Listener ports below ${lowest} need root or CAP_NET_BIND_SERVICE.`)
  if (dnsPort !== 0) {
    lines.push(
      'Names: for load balancer names, tell your resolver (systemd-resolved: a file in /etc/systemd/resolved.conf.d/ with',
      `  [Resolve] DNS=127.0.0.1:${dnsPort} Domains=~${dnsZone}); dnsmasq: server=/${dnsZone}/127.0.0.1#${dnsPort}`,
    )
  }
  return lines
}

/** What this process could use; each listener's line says what serves it. */
function describeEngines(mayChangeNetwork: boolean, linux: boolean): string[] {
  const lacks = [
    ...(linux ? [] : ['Linux']),
    ...(linux && !mayChangeNetwork
      ? [process.getuid?.() === 0 ? 'CAP_NET_ADMIN' : 'root, or CAP_NET_ADMIN and CAP_NET_RAW']
      : []),
    ...(isBuiltin('node:ffi') ? [] : ['a node with node:ffi (bin/with-node brings one)']),
  ]
  if (lacks.length > 0)
    return [
      `Engine: userspace (all protocols) in worker processes, as the kernel's needs ${lacks.join(' and ')}. What is lost:`,
      '  targets see the load balancer’s address instead of the client’s, which UDP targets cannot learn in any other way (TCP',
      '  ones can, by proxy_protocol_v2.enabled=true); targets’ own security groups; SYN cookies.',
    ]
  return [
    'Engine: the kernel (nftables) for TCP, UDP and TCP_UDP: targets see the client’s address, and traffic goes on while Sluice',
    '  restarts. TLS, HTTP and HTTPS go through worker processes, and so does what the kernel cannot serve, such as proxy',
    '  protocol, for the reason given below.',
  ]
}

function describeFlowTable({ flows, limit, refused, givenUp, portless }: FlowTable): string {
  const losses = [
    ...(refused > 0 ? [`${refused} packets of new flows refused because it was full`] : []),
    ...(givenUp > 0 ? [`${givenUp} flows without an answer given up early`] : []),
    ...(portless > 0 ? [`${portless} packets of new flows without a free port`] : []),
  ]
  return `\nThe kernel's flow table: ${flows} of ${limit} flows${losses.length === 0 ? '' : `; so far ${losses.join(', ')}`}.`
}

function describeDeployments({ deployments }: Status): string[] {
  return deployments.flatMap(({ id, subject, status, step, since, shifted, goesBack, waitsFor }) => [
    '',
    `${id}, ${subject}: ${status}${step === undefined ? '' : `, ${step}`} since ${since}${shifted === undefined ? '' : `, ${shifted} % of new flows go to the new version`}`,
    ...(goesBack === undefined ? [] : [`  goes back: ${goesBack}`]),
    ...waitsFor.map(command => `  waits for: ${command}`),
  ])
}

function describeSecurityGroups({ securityGroups, ownInstances }: Status): string[] {
  const lines = [
    ...securityGroups
      .filter(({ dropped }) => dropped > 0)
      .map(
        ({ id, name, loadBalancers, instances, dropped }) =>
          `${id} (${name}): ${dropped} packets or connections not admitted at ${[...loadBalancers, ...instances].join(', ')}`,
      ),
    ...ownInstances.map(
      ({ id, address }) =>
        `${id} (${address}) is this host itself: its security groups are not enforced, lest they bar you from it.`,
    ),
  ]
  return lines.length === 0 ? [] : ['', ...lines]
}

function describeListener(listener: ListenerStatus): string[] {
  const endpoints = listener.addresses
    .map(address => `${address.includes(':') ? `[${address}]` : address}:${listener.port}`)
    .join(' ')
  const drops = Object.entries(listener.drops).map(([reason, count]) => `${count} ${reason}`)
  const where = { kernel: ' in the kernel', userspace: ' in userspace' }
  const place = listener.engine === undefined ? 'in place' : `in place${where[listener.engine]}`
  return [
    '',
    `${listener.loadBalancer}  ${listener.protocol} ${endpoints}  ${listener.isInPlace ? place : 'NOT IN PLACE'}` +
      `${listener.rules === undefined ? '' : `, ${listener.rules} rules`}, ${listener.activeFlows} flows now, ${listener.newFlows} in all${drops.length === 0 ? '' : `, dropped: ${drops.join(', ')}`}`,
    ...listener.problems.map(reason => `  problem: ${reason}`),
    ...listener.fallbacks.map(reason => `  not in the kernel: ${reason}`),
    ...(listener.heldUntil === undefined
      ? []
      : [
          `  switch held: the new target group has no healthy target yet; at the latest it happens at ${listener.heldUntil}`,
        ]),
    ...(listener.delayedUntil === undefined
      ? []
      : [`  switch under way, as AWS's timing has it: it is made at ${listener.delayedUntil}`]),
    ...listener.linking.map(({ targetGroup, reason }) => `  ${targetGroup} is being linked: ${reason}`),
    ...listener.targets.map(
      target =>
        `  ${target.id}:${target.port} ${target.state}, ${target.activeFlows} flows${target.weight === 0 ? ', weight 0' : ''}` +
        `${target.lastProbe === undefined ? '' : `: ${target.lastProbe}`}${target.suspect === undefined ? '' : `; suspect: ${target.suspect}`}`,
    ),
  ]
}

/** The lowest port that needs no privilege. */
function unprivilegedPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  } catch {
    // Kernels without the setting keep the classic bound.
    return 1024
  }
}
