import { networkInterfaces } from 'node:os'
import { type HostAddresses, isOnNoCard, localIpv6Range, localRange, loopbackRange } from './domain/addresses.ts'
import { canonicalAddress } from './domain/cidr.ts'
import { isNetworkAdmin } from './engine/network-admin.ts'

/** What this host can give load balancers as addresses; the local ranges take a route, which not everybody may add. */
export function hostAddresses(): HostAddresses {
  const own = interfaceAddresses()
  return isNetworkAdmin() ? { own, range: localRange, ipv6Range: localIpv6Range } : { own, range: loopbackRange }
}

/** Those of this host's network cards, in one spelling. */
export function addressesOnCards(): ReadonlySet<string> {
  const addresses = interfaceAddresses().map(address => canonicalAddress(address) ?? address)
  return new Set(addresses.filter(address => !isOnNoCard(address)))
}

function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap(addresses => (addresses ?? []).map(({ address }) => address))
}
