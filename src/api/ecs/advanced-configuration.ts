import type { AdvancedConfiguration } from '@aws-sdk/client-ecs'
import type { ServiceLoadBalancer } from '../../domain/ecs-service.ts'
import { routeOf } from '../../domain/listener-rules.ts'
import type { State } from '../../domain/state.ts'
import { invalid } from './resources.ts'

type Advanced = NonNullable<ServiceLoadBalancer['advanced']>

/**
 * Where a service's traffic comes in, and the other one of its target groups. Throws InvalidParameterException unless the rules, or
 * listeners of a Network Load Balancer, are there and lead to the two groups; what of that AWS finds out only when it deploys says
 * so with the same words, without `Service deployment rolled back because of` before them.
 */
export function advancedIn(given: AdvancedConfiguration, targetGroupArn: string, state: State): Advanced {
  const { alternateTargetGroupArn, productionListenerRule, testListenerRule, roleArn } = given
  if (!alternateTargetGroupArn) throw invalid('alternateTargetGroupArn must be specified in advancedConfiguration.')
  if (!productionListenerRule) throw invalid('productionListenerRule must be specified in advancedConfiguration.')
  checkArn('productionListenerRule', productionListenerRule)
  if (testListenerRule) checkArn('testListenerRule', testListenerRule)
  if (testListenerRule === productionListenerRule) {
    throw invalid(`The following rules cannot be used as both production and test listener rules: ${testListenerRule}`)
  }
  const pair = [targetGroupArn, alternateTargetGroupArn]
  const production = groupsBehind(productionListenerRule, state)
  const test = testListenerRule ? groupsBehind(testListenerRule, state) : []
  for (const arn of production) {
    if (!pair.includes(arn)) {
      throw networking(
        `Production listener rule is forwarding traffic to unexpected target group ${arn}. Expected traffic to be forwarded to either targetGroupArn: ${targetGroupArn} or alternateTargetGroupArn: ${alternateTargetGroupArn}`,
      )
    }
  }
  const missing = pair.find(arn => !production.includes(arn))
  if (missing !== undefined && productionListenerRule.includes(':listener-rule/')) {
    if (!testListenerRule) {
      throw invalid(
        'For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated with both targetGroup and alternateTargetGroup',
      )
    }
    if (!test.includes(missing)) {
      throw networking(
        `Target group ${missing} is not associated with either productionListenerRule or testListenerRule.`,
      )
    }
  }
  return {
    alternateTargetGroupArn,
    productionListenerRule,
    ...(testListenerRule && { testListenerRule }),
    ...(roleArn && { roleArn }),
  }
}

function checkArn(member: string, arn: string): void {
  if (/^arn:aws:elasticloadbalancing:[^:]*:\d*:(listener-rule\/app|listener\/net)\//.test(arn)) return
  throw invalid(`${member} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: ${arn}`)
}

/** The target groups that a rule or listener names. */
function groupsBehind(arn: string, state: State): readonly string[] {
  const route = routeOf(state, arn)
  if (route === undefined) throw networking(`One or more rules not found: ${arn}`)
  return route.forward.map(its => its.targetGroupArn)
}

function networking(text: string) {
  return invalid(`Invalid networking configuration. ${text}`)
}
