import type { SnapshotListener } from '../domain/snapshot.ts'
import type { Facing, TargetHost, TargetHosts } from '../domain/target-hosts.ts'

/** Target hosts for tests of what is rendered for them: UDP 8080 is served, TCP 8081 checked. */
export const onLink: Facing = { kind: 'link', address: '10.9.0.1', device: 'eth1', mac: '52:54:00:00:00:01' }
export const behindRouter: Facing = { kind: 'router', address: '10.9.0.1', device: 'eth1', router: '10.9.0.254' }

export function host(address: string, facing: Facing, extra: Partial<TargetHost> = {}): TargetHost {
  return { address, id: address, services: [{ protocol: 'UDP', port: 8080 }], checkPorts: [8081], facing, ...extra }
}

export function snapshotListener(id: string, cidrs: readonly string[] | undefined): SnapshotListener {
  const [protocol, address = '', port] = id.split(' ')
  return {
    id,
    listenerArn: 'arn:listener',
    protocol: protocol === 'UDP' ? 'UDP' : 'TCP',
    address,
    port: Number(port),
    admit: cidrs?.map(cidr => ({ cidr })),
    route: [],
    idleTimeoutMs: 120_000,
    synproxy: false,
  }
}

/** A UDP listener and a TCP one, of which the first forwards to the group `web`. */
export function hostsOf(hosts: readonly TargetHost[], extra: Partial<TargetHosts> = {}): TargetHosts {
  return {
    name: 'web',
    revision: 12,
    preservesClient: true,
    balancerAddresses: ['10.0.1.4', '127.0.0.1', 'fd00:1::4'],
    through: ['UDP 10.0.1.4 53', 'UDP fd00:1::4 53'],
    listeners: [
      snapshotListener('UDP 10.0.1.4 53', ['192.0.2.0/24', '198.51.100.0/24']),
      snapshotListener('UDP fd00:1::4 53', ['2001:db8::/32']),
      snapshotListener('TCP 10.0.1.4 443', ['203.0.113.0/24']),
    ],
    hosts,
    ...extra,
  }
}
