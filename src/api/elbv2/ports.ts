import { type Listener, type ListenerProtocol, type LoadBalancer, zoneAddresses } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import { ApiError } from '../errors.ts'

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

function addressesOf(loadBalancer: LoadBalancer): readonly string[] {
  return loadBalancer.zones.flatMap(zoneAddresses)
}

/** All but UDP are carried by TCP. */
function overlap(a: ListenerProtocol, b: ListenerProtocol): boolean {
  return a === 'TCP_UDP' || b === 'TCP_UDP' || (a === 'UDP') === (b === 'UDP')
}
