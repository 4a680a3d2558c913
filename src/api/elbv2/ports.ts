import { type Listener, type LoadBalancer, transportsOf, zoneAddresses } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import { targetAddress } from '../../domain/target-health.ts'
import { ApiError } from '../errors.ts'
import { invalidConfiguration } from './resources.ts'

/**
 * Throws DuplicateListener if another load balancer listens on `listener`'s port at an address of `loadBalancer`.
 * On AWS each load balancer has addresses of its own; here those of the default VPC share 127.0.0.1 and 127.0.0.2.
 */
export function refuseTakenPort(
  state: State,
  loadBalancer: LoadBalancer,
  listener: Pick<Listener, 'port' | 'protocol'>,
): void {
  const own = new Set(addressesOf(loadBalancer))
  for (const other of state.listeners.values()) {
    if (other.port !== listener.port || other.loadBalancerArn === loadBalancer.arn) continue
    if (!overlap(other.protocol, listener.protocol)) continue
    const holder = state.loadBalancers.get(other.loadBalancerArn)
    const address = holder && addressesOf(holder).find(address => own.has(address))
    if (address !== undefined) {
      throw new ApiError(
        'DuplicateListener',
        `Port ${listener.port} (${other.protocol}) at ${address} is taken by a listener of load balancer '${holder?.name}', which shares this address. Choose another port, or another subnet for one of the two load balancers.`,
      )
    }
  }
}

/**
 * Throws if a target is registered at an address of `loadBalancer` with `listener`'s port: there that target listens, and it would be
 * out of service (Target.IpUnusable) while the listener could not be had. On AWS no target shares a load balancer's address.
 */
export function refusePortOfTarget(
  state: State,
  loadBalancer: LoadBalancer,
  listener: Pick<Listener, 'port' | 'protocol'>,
): void {
  const own = new Set(addressesOf(loadBalancer))
  for (const group of state.targetGroups.values()) {
    if (group.targetType === 'alb' || !overlap(group.protocol, listener.protocol)) continue
    for (const target of group.targets) {
      if (target.port !== listener.port || target.deregistration !== undefined) continue
      const address = targetAddress(state, group, target)
      if (address === undefined || !own.has(address)) continue
      throw invalidConfiguration(
        `Port ${listener.port} at ${address} is that of a target of target group '${group.name}', which shares this address with the load balancer. Choose another port, or register the target with another address of its host.`,
      )
    }
  }
}

function addressesOf(loadBalancer: LoadBalancer): readonly string[] {
  return loadBalancer.zones.flatMap(zoneAddresses)
}

function overlap(a: Listener['protocol'], b: Listener['protocol']): boolean {
  return transportsOf(a).some(transport => transportsOf(b).includes(transport))
}
