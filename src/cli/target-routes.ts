import { isIpv6 } from '../domain/cidr.ts'
import { describeService, type TargetHost, type TargetHosts } from '../domain/target-hosts.ts'

/** The routing table of a target host that its replies are looked up in; any number that is free there would do. */
const table = 5151

/**
 * Shell commands for the targets' own hosts that send replies back through the host that balances, which must see them where
 * the client's address is kept. A comment says what each is for, and where nothing is to be done, or cannot be.
 */
export function renderTargetRoutes({ name, preservesClient, hosts }: TargetHosts): string {
  if (hosts.length === 0) return `# ${name} has no registered targets.\n`
  if (!preservesClient)
    return `# ${name} does not preserve client addresses (preserve_client_ip.enabled=false): its targets answer the load\n# balancer by themselves. Nothing is to be done.\n`
  const title = [
    `# Replies of the targets of ${name} go back through the load balancer. Whoever asks these ports directly gets no answer`,
    '# any more, but through the load balancer. Run each part on its own host, at every start.',
  ]
  const parts = hosts.map(renderHost)
  const isAnythingToRun = hosts.some(({ facing }) => facing.kind === 'link')
  return `${[...(isAnythingToRun ? [title] : []), ...parts].map(lines => lines.join('\n')).join('\n\n')}\n`
}

function renderHost({ id, address, services, facing }: TargetHost): readonly string[] {
  const what = services.map(service => describeService(service, address)).join(', ')
  const subject = id === address ? what : `${id}, ${what}`
  switch (facing.kind) {
    case 'own':
      return [`# ${subject}: an address of the balancing host itself. Nothing is to be done.`]
    case 'unknown':
      return [`# ${subject}: ${facing.reason}, so nothing can be said of the way back.`]
    case 'router':
      return [
        `# ${subject}: behind the router ${facing.router}, so the balancing host cannot be its next hop. Either the routers on`,
        `# the way send what it answers to ${facing.address}, or a tunnel joins the two hosts and takes it: on the target's,`,
        `# ip route replace default dev TUNNEL table ${table}, and rules as for a target on the same link.`,
      ]
    case 'link': {
      const ip = isIpv6(address) ? 'ip -6' : 'ip'
      // A datagram of a socket that is bound to no address has none yet when its route is looked up.
      const rules = services.map(({ protocol, port }) =>
        protocol === 'TCP'
          ? `${ip} rule add from ${address} ipproto tcp sport ${port} lookup ${table}`
          : `${ip} rule add ipproto udp sport ${port} lookup ${table}`,
      )
      // "Port unreachable" goes to the client, too: on its way Sluice learns that a service is dead.
      const icmp = `${ip} rule add from ${address} ipproto ${isIpv6(address) ? 'ipv6-icmp' : 'icmp'} lookup ${table}`
      return [
        `# ${subject}: back through ${facing.address}, the balancing host's address on the same link (its ${facing.device}).`,
        '# A container or a namespace whose default route this is already needs nothing.',
        `${ip} route replace default via ${facing.address} table ${table}`,
        ...rules,
        ...(services.some(({ protocol }) => protocol === 'UDP') ? [icmp] : []),
      ]
    }
  }
}
