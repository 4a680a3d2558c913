import type {
  SetIpAddressTypeInput,
  SetIpAddressTypeOutput,
  SetSubnetsInput,
  SetSubnetsOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { actionsOf } from '../../domain/listener-rules.ts'
import type { LoadBalancer } from '../../domain/load-balancer.ts'
import type { Call } from '../call.ts'
import { checkAction } from './actions.ts'
import { refuseTakenPort } from './ports.ts'
import { findLoadBalancer, invalidConfiguration, listenersOf } from './resources.ts'
import { checkIpAddressType, describeZones, findSubnet, subnetsIn, zonesOf } from './zones.ts'

export function SetSubnets(input: SetSubnetsInput, call: Call): SetSubnetsOutput {
  const loadBalancer = findLoadBalancer(call.draft.state, input.LoadBalancerArn)
  const ipAddressType = checkIpAddressType(input.IpAddressType ?? loadBalancer.ipAddressType, loadBalancer.type)
  const subnets = subnetsIn(call.draft.state, input, loadBalancer.type)
  if (subnets[0]?.subnet.vpcId !== loadBalancer.vpcId) {
    throw invalidConfiguration(`All subnets must belong to the same VPC: '${loadBalancer.vpcId}'`)
  }
  const changed = { ...loadBalancer, ipAddressType, zones: zonesOf(call, loadBalancer, ipAddressType, subnets) }
  move(changed, call)
  return { AvailabilityZones: describeZones(changed), IpAddressType: ipAddressType }
}

export function SetIpAddressType(input: SetIpAddressTypeInput, call: Call): SetIpAddressTypeOutput {
  const loadBalancer = findLoadBalancer(call.draft.state, input.LoadBalancerArn)
  const ipAddressType = checkIpAddressType(input.IpAddressType, loadBalancer.type)
  const subnets = loadBalancer.zones.map(zone => ({ subnet: findSubnet(call.draft.state, zone.subnetId) }))
  move({ ...loadBalancer, ipAddressType, zones: zonesOf(call, loadBalancer, ipAddressType, subnets) }, call)
  return { IpAddressType: ipAddressType }
}

/** Puts a load balancer with other addresses in place of itself, if its listeners' ports are free on these and all their actions fit. */
function move(loadBalancer: LoadBalancer, call: Call): void {
  for (const listener of listenersOf(call.draft.state, loadBalancer.arn)) {
    refuseTakenPort(call.draft.state, loadBalancer, listener)
    const place = { loadBalancer, port: listener.port, protocol: listener.protocol }
    for (const action of actionsOf(call.draft.state, listener)) checkAction(call.draft.state, place, action)
  }
  call.draft.put('loadBalancers', loadBalancer.arn, loadBalancer)
}
