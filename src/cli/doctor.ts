import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { systemClock } from '../clock.ts'
import { localIpv6Range, localRange, loopbackRange } from '../domain/addresses.ts'
import { dnsZone } from '../domain/load-balancer.ts'
import type { ListenerStatus, Status } from '../status.ts'
import type { Options } from './options.ts'
import { signedHeaders } from './signing-key.ts'

/**
 * Prints what this machine can and cannot do, and, where Sluice runs, how each listener is.
 * Answers the exit code: 0 where nothing is wrong, 1 where something that was asked for is not in place.
 */
export async function doctor(options: Options): Promise<number> {
  const print = (line: string) => process.stdout.write(`${line}\n`)
  for (const line of describeMachine(options)) print(line)
  const status = await readStatus(options)
  print('')
  if (typeof status === 'string') {
    print(status)
    return 1
  }
  print(`Sluice ${status.version} runs at http://${options.host}:${options.port}, revision ${status.revision}.`)
  print(
    status.node.connected
      ? `The node has revision ${status.node.revision} in place.`
      : 'The node process is not connected; it serves on the last state that it was told.',
  )
  if (status.listeners.length === 0) print('No listener was asked for yet.')
  for (const listener of status.listeners) for (const line of describeListener(listener)) print(line)
  const sound = status.node.connected && status.listeners.every(({ problems }) => problems.length === 0)
  return sound ? 0 : 1
}

function describeMachine(options: Options): string[] {
  const root = process.getuid?.() === 0
  const linux = process.platform === 'linux'
  const lines = [
    `Machine: ${process.platform} ${process.arch}, node ${process.versions.node}, ${root ? 'root' : `user ${process.getuid?.()}`}`,
  ]
  lines.push(
    'Engine: userspace (TCP, UDP, TCP_UDP) in worker processes; targets see the load balancer’s address. The client’s',
    '  address can be kept only by a kernel engine, which this version does not have; TCP targets can learn it by',
    '  proxy_protocol_v2.enabled=true.',
  )
  lines.push(
    linux
      ? 'Default VPC: 127.0.0.1 (local-1a) and 127.0.0.2 (local-1b), shared by its load balancers, port by port.'
      : 'Default VPC: 127.0.0.1 (local-1a), shared by its load balancers, port by port.',
  )
  const own = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      // No subnet is made of link-local addresses.
      .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/.test(address))
      .map(({ cidr }) => `${cidr} (${name})`),
  )
  if (own.length > 0) lines.push(`Subnets over these addresses of this host are served on them: ${own.join(', ')}.`)
  lines.push(
    root && linux
      ? `Other subnets: each load balancer gets an address of its own in ${localRange} (${localIpv6Range}), by one local route.`
      : `Other subnets: each load balancer gets an address of its own in ${loopbackRange}, for this host only (as root: ${localRange}, for containers and routed hosts too).`,
  )
  const lowest = linux ? unprivilegedPort() : 1024
  if (!root) lines.push(`Listener ports below ${lowest} need root or CAP_NET_BIND_SERVICE.`)
  if (options.dnsPort !== 0) {
    lines.push(
      'Names: for load balancer names, tell your resolver (systemd-resolved: a file in /etc/systemd/resolved.conf.d/ with',
      `  [Resolve] DNS=127.0.0.1:${options.dnsPort} Domains=~${dnsZone}); dnsmasq: server=/${dnsZone}/127.0.0.1#${options.dnsPort}`,
    )
  }
  return lines
}

function describeListener(listener: ListenerStatus): string[] {
  const where = listener.addresses
    .map(address => `${address.includes(':') ? `[${address}]` : address}:${listener.port}`)
    .join(' ')
  const drops = Object.entries(listener.drops).map(([reason, count]) => `${count} ${reason}`)
  return [
    '',
    `${listener.loadBalancer}  ${listener.protocol} ${where}  ${listener.problems.length === 0 ? 'in place' : 'NOT IN PLACE'}` +
      `, ${listener.activeFlows} flows now, ${listener.newFlows} in all${drops.length === 0 ? '' : `, dropped: ${drops.join(', ')}`}`,
    ...listener.problems.map(reason => `  problem: ${reason}`),
    ...(listener.heldUntil === undefined
      ? []
      : [
          `  switch held: the new target group has no healthy target yet; at the latest it happens at ${listener.heldUntil}`,
        ]),
    ...listener.targets.map(
      target =>
        `  ${target.id}:${target.port} ${target.state}, ${target.activeFlows} flows${target.weight === 0 ? ', weight 0' : ''}` +
        `${target.lastProbe === undefined ? '' : `: ${target.lastProbe}`}${target.suspect === undefined ? '' : `; suspect: ${target.suspect}`}`,
    ),
  ]
}

/** The running Sluice's status, or why there is none, in one line. */
async function readStatus(options: Options): Promise<Status | string> {
  const url = new URL(
    `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}/_sluice/status`,
  )
  try {
    const response = await fetch(url, { headers: signedHeaders(options, url, systemClock.now()) })
    if (response.status === 403)
      return `Sluice at ${url.origin} refused the key of ${options.credentials ?? 'a caller without one'}: say --credentials FILE, with the file that it was started with.`
    if (response.status !== 200)
      return `Sluice at ${url.origin} answered ${response.status}: ${(await response.text()).slice(0, 200)}`
    return (await response.json()) as Status
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return `Sluice does not run at ${url.origin} (${(cause as Error).message}); start it with: bin/sluice up, or say --port.`
  }
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
