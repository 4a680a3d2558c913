/**
 * Hosts around a balancer, as network namespaces, whose sockets this one process makes:
 *
 *     far - client - balancer - (link) - target
 *                                   `--- neighbor
 *
 * The balancer forwards, and so does the client, for `far`, by a link of 1,300 bytes, which `far` tells nobody. `link` is a switch: target and neighbor reach each other without
 * the balancer. Default routes lead to the balancer.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { enterNetwork } from '../../../../test/own-network.ts'
import type { AddressFamily } from '../../../domain/cidr.ts'

export type HostName = 'balancer' | 'client' | 'far' | 'target' | 'neighbor'

/** Who has which address; `inside` is the balancer's on the link, `local` and `task` are of its local ranges. */
export const places = {
  client: { host: 'client', ipv4: '10.9.0.2', ipv6: 'fd00:9::2' },
  far: { host: 'far', ipv4: '10.9.7.2', ipv6: 'fd00:9:7::2' },
  target: { host: 'target', ipv4: '10.9.1.2', ipv6: 'fd00:9:1::2' },
  neighbor: { host: 'neighbor', ipv4: '10.9.1.3', ipv6: 'fd00:9:1::3' },
  balancer: { host: 'balancer', ipv4: '10.9.0.1', ipv6: 'fd00:9::1' },
  inside: { host: 'balancer', ipv4: '10.9.1.1', ipv6: 'fd00:9:1::1' },
  local: { host: 'balancer', ipv4: '198.18.0.5', ipv6: 'fd53:4c55::5' },
  task: { host: 'balancer', ipv4: '198.18.0.7', ipv6: 'fd53:4c55::7' },
  loopback: { host: 'balancer', ipv4: '127.0.0.1', ipv6: '::1' },
} as const satisfies Readonly<Record<string, { readonly host: HostName } & Readonly<Record<AddressFamily, string>>>>

export type Place = keyof typeof places

const prefix = `slpk${process.pid}`

const script = `
set -e
for n in balancer client far target neighbor link; do
  ip netns add ${prefix}-$n
  ip netns exec ${prefix}-$n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  ip -n ${prefix}-$n link set lo up
done
join() { # host device host device
  ip link add $2 netns ${prefix}-$1 type veth peer name $4 netns ${prefix}-$3
  ip -n ${prefix}-$1 link set $2 up
  ip -n ${prefix}-$3 link set $4 up
}
address() { # host device ipv4 ipv6
  ip -n ${prefix}-$1 addr add $3/24 dev $2
  ip -n ${prefix}-$1 addr add $4/64 dev $2 nodad
}
route() { # host range gateway
  ip -n ${prefix}-$1 route add $2 via $3
}
join balancer eth0 client eth0
join client eth1 far eth0
ip -n ${prefix}-link link add bridge type bridge forward_delay 0
ip -n ${prefix}-link link set bridge up
for n in balancer target neighbor; do
  device=$([ $n = balancer ] && echo eth1 || echo eth0)
  join $n $device link $n
  ip -n ${prefix}-link link set $n master bridge
done
address balancer eth0 10.9.0.1 fd00:9::1
address balancer eth1 10.9.1.1 fd00:9:1::1
address client eth0 10.9.0.2 fd00:9::2
address client eth1 10.9.7.1 fd00:9:7::1
address far eth0 10.9.7.2 fd00:9:7::2
address target eth0 10.9.1.2 fd00:9:1::2
address neighbor eth0 10.9.1.3 fd00:9:1::3
ip netns exec ${prefix}-balancer sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip netns exec ${prefix}-client sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
route balancer 10.9.7.0/24 10.9.0.2
route balancer fd00:9:7::/64 fd00:9::2
route client default 10.9.0.1
route client default fd00:9::1
route far default "10.9.7.1 mtu 1300 advmss 1440"
route far default "fd00:9:7::1 mtu 1300 advmss 1440"
ip -n ${prefix}-client link set eth1 mtu 1300
for n in target neighbor; do
  route $n default 10.9.1.1
  route $n default fd00:9:1::1
done
ip -n ${prefix}-balancer route add local 198.18.0.0/15 dev lo
ip -n ${prefix}-balancer addr add fd53:4c55::5/128 dev lo nodad
ip -n ${prefix}-balancer addr add fd53:4c55::7/128 dev lo nodad
`

/** Makes the hosts and moves this process onto the balancer. Needs root. @returns what takes the hosts away again */
export function buildHosts(): () => void {
  const close = () => {
    for (const name of ['balancer', 'client', 'far', 'target', 'neighbor', 'link'])
      spawnSync('ip', ['netns', 'delete', `${prefix}-${name}`])
  }
  try {
    execFileSync('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] })
    enterNetwork(`${prefix}-balancer`)
  } catch (error) {
    close()
    throw error
  }
  return close
}

/** Does on another host what takes no turn of the event loop: sockets stay where they were made. */
export function on<T>(host: HostName, work: () => T): T {
  enterNetwork(`${prefix}-${host}`)
  try {
    return work()
  } finally {
    enterNetwork(`${prefix}-balancer`)
  }
}
