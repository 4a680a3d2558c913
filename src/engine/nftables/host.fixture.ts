import type { HostFacts, SettingName } from './host.ts'

/** A host with 10.9.0.1/24, 10.9.1.1/24 and fd00:9::1/64 on two interfaces, Linux's defaults, and what is said otherwise. */
export function hostWith({ settings, ...facts }: Partial<HostFacts> = {}): HostFacts {
  return {
    addresses: new Set(['127.0.0.1', '::1', '10.9.0.1', '10.9.1.1', 'fd00:9::1']),
    ownsLocalRange: false,
    links: [
      { name: 'eth0', cidr: '10.9.0.0/24' },
      { name: 'eth1', cidr: '10.9.1.0/24' },
      { name: 'eth1', cidr: 'fd00:9::/64' },
    ],
    settings: new Map<SettingName, string>([
      ['net.ipv4.ip_forward', '0'],
      ['net.ipv6.conf.all.forwarding', '0'],
      ...(settings ?? []),
    ]),
    ...facts,
  }
}
