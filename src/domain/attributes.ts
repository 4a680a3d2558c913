/** Attributes of load balancers, listeners and target groups: their values, and which values AWS takes. */
import { type AttributeRefusal, allOf, attributeOf, refused, refuseValues } from './attribute-table.ts'
import { listenerTable } from './listener-attributes.ts'
import { type Attributes, type Listener, type LoadBalancer, speaksHttp } from './load-balancer.ts'
import { loadBalancerTable, logKinds, secondaryIps } from './load-balancer-attributes.ts'
import type { TargetGroup } from './target-group.ts'
import {
  algorithm,
  anomalyMitigation,
  carriesUdp,
  preserveClientIp,
  slowStart,
  targetGroupTable,
  unhealthyDraining,
  unhealthyTermination,
} from './target-group-attributes.ts'

/** Every attribute that load balancers of this one's type have, with its value: what was set, else the default. */
export function loadBalancerAttributes(loadBalancer: LoadBalancer): Attributes {
  return allOf(loadBalancerTable, loadBalancer)
}

/** Every attribute that listeners of this one's protocol have. */
export function listenerAttributes(listener: Listener): Attributes {
  return allOf(listenerTable, listener)
}

/** Every attribute of a target group with its value: what was set, else the default for its protocol and target type. */
export function targetGroupAttributes(group: TargetGroup): Attributes {
  return allOf(targetGroupTable, group)
}

/** One attribute's value, the default where the load balancer's type does not have it; throws on an unknown key. */
export function loadBalancerAttribute(loadBalancer: LoadBalancer, key: string): string {
  return attributeOf(loadBalancerTable, loadBalancer, key)
}

/** One attribute's value, the default where the listener's protocol does not have it; throws on an unknown key. */
export function listenerAttribute(listener: Listener, key: string): string {
  return attributeOf(listenerTable, listener, key)
}

/** One attribute's value, the default where the group's protocol does not have it; throws on an unknown key. */
export function targetGroupAttribute(group: TargetGroup, key: string): string {
  return attributeOf(targetGroupTable, group, key)
}

/** What speaks against giving `loadBalancer` the attributes `asked`; `undefined` if nothing does. */
export function refuseLoadBalancerAttributes(
  loadBalancer: LoadBalancer,
  asked: Attributes,
): AttributeRefusal | undefined {
  const refusal = refuseValues(asked, loadBalancerTable, loadBalancer, {
    noun: 'Load balancer',
    where: `on load balancers with type '${loadBalancer.type}'`,
  })
  if (refusal !== undefined) return refusal
  const before = loadBalancerAttributes(loadBalancer)
  const after = { ...before, ...asked }
  for (const kind of logKinds) {
    if (after[`${kind}.s3.enabled`] === 'true' && after[`${kind}.s3.bucket`] === '') {
      return refused(`'${kind}.s3.bucket' must be specified when '${kind}.s3.enabled' is true`)
    }
  }
  return Number(after[secondaryIps]) < Number(before[secondaryIps])
    ? refused(`The value of '${secondaryIps}' cannot be decreased from ${before[secondaryIps]}`)
    : undefined
}

/** What speaks against giving `listener` the attributes `asked`; `undefined` if nothing does. */
export function refuseListenerAttributes(listener: Listener, asked: Attributes): AttributeRefusal | undefined {
  return refuseValues(asked, listenerTable, listener, {
    noun: 'Listener',
    others: onlyGatewayListeners,
    where: `on listeners with the ${listener.protocol} protocol`,
  })
}

/**
 * What speaks against giving `group` the attributes `asked`; `undefined` if nothing does. The rules between attributes
 * are judged on the values as they would be afterwards (AWS: Target group attributes, Client IP preservation,
 * Target group health; Edit target group attributes for your Network Load Balancer, for your Application Load Balancer).
 */
export function refuseTargetGroupAttributes(group: TargetGroup, asked: Attributes): AttributeRefusal | undefined {
  const type = asked['stickiness.type']
  const offered = speaksHttp(group) ? ['lb_cookie', 'app_cookie'] : ['source_ip']
  if (type !== undefined && stickinessTypes.has(type) && !offered.includes(type)) {
    return refused(`Stickiness type '${type}' is not supported for target groups with the ${group.protocol} protocol`)
  }
  const refusal = refuseValues(asked, targetGroupTable, group, {
    noun: 'Target group',
    others: onlyOtherTargetGroups,
    where: `for target groups with the ${group.protocol} protocol`,
  })
  if (refusal !== undefined) return refusal

  const before = targetGroupAttributes(group)
  const after = { ...before, ...asked }
  if (group.targetType === 'alb') {
    const changed = Object.keys(asked).find(key => after[key] !== before[key])
    if (changed === undefined) return undefined
    return refused(`A target group with target type 'alb' does not support changing the attribute ${changed}`)
  }
  return refuseForProtocol(group, after) ?? refuseThresholds(after)
}

function refuseForProtocol(group: TargetGroup, after: Attributes): AttributeRefusal | undefined {
  if (speaksHttp(group)) return refuseForHttp(after)
  if (group.protocol === 'TLS' && after['stickiness.enabled'] === 'true') {
    return refused('You cannot enable stickiness on target groups with the TLS protocol')
  }
  if (carriesUdp(group)) {
    if (after[preserveClientIp] === 'false') {
      return refused(`${preserveClientIp} cannot be false if the target group protocol is UDP or TCP_UDP`)
    }
    if (after[unhealthyTermination] === 'true') {
      return refused(`${unhealthyTermination} cannot be true if the target group protocol is UDP or TCP_UDP`)
    }
  }
  if (after[unhealthyTermination] === 'true' && after[unhealthyDraining] !== '0') {
    return refused(`${unhealthyDraining} can only be set if ${unhealthyTermination} is false`)
  }
  return undefined
}

function refuseForHttp(after: Attributes): AttributeRefusal | undefined {
  if (after[algorithm] !== 'round_robin' && after[slowStart] !== '0') {
    return refused(`${slowStart} must be 0 if ${algorithm} is ${after[algorithm]}`)
  }
  if (after[algorithm] !== 'weighted_random' && after[anomalyMitigation] === 'on') {
    return refused(`${anomalyMitigation} can only be on if ${algorithm} is weighted_random`)
  }
  if (after['stickiness.enabled'] !== 'true') return undefined
  if (after['load_balancing.cross_zone.enabled'] === 'false') {
    return refused('You cannot enable stickiness on target groups with cross-zone load balancing off')
  }
  if (after['stickiness.type'] === 'app_cookie' && after['stickiness.app_cookie.cookie_name'] === '') {
    return refused("You must set an application cookie name to enable stickiness of type 'app_cookie'")
  }
  return undefined
}

function refuseThresholds(after: Attributes): AttributeRefusal | undefined {
  for (const unit of ['count', 'percentage']) {
    const dns = after[`target_group_health.dns_failover.minimum_healthy_targets.${unit}`]
    const routing = after[`target_group_health.unhealthy_state_routing.minimum_healthy_targets.${unit}`]
    if (dns !== 'off' && routing !== 'off' && Number(dns) < Number(routing)) {
      return refused(
        `The DNS failover threshold (${unit} ${dns}) must be greater than or equal to the unhealthy state routing threshold (${routing})`,
      )
    }
  }
  return undefined
}

/** Keys that AWS knows and refuses here with another text than an unknown key's: those of Gateway Load Balancers and Lambda. */
const onlyGatewayListeners = /^send_tcp_reset\./
const onlyOtherTargetGroups = /^(lambda\.|target_failover\.|send_tcp_reset\.)/
const stickinessTypes = new Set([
  'lb_cookie',
  'app_cookie',
  'source_ip',
  'source_ip_dest_ip',
  'source_ip_dest_ip_proto',
])
