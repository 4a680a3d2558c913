import { defaultConfigName } from '../domain/deployment-configs.ts'
import type { Listener } from '../domain/load-balancer.ts'
import type { Rule } from '../domain/rule.ts'
import type { State } from '../domain/state.ts'
import { aws } from './aws-command.ts'
import type { Finding } from './finding.ts'
import type { Pair } from './pair.ts'

/** Shares of traffic that are not what they say. */
export function canaries(_: State, pairs: readonly Pair[]): readonly Finding[] {
  return pairs.flatMap(pair => [...stickyCanary(pair), ...canaryBehindNlb(pair)])
}

/**
 * A client keeps the group that its cookie names for so long after each answer (AWS: Target group stickiness), if that has any weight;
 * where that is no shorter than a step, who came before the deployment stays out of it.
 */
function stickyCanary({ routing, production, subject }: Pair): readonly Finding[] {
  if (routing.type === 'AllAtOnce') return []
  const step = routing.intervalMinutes * 60
  const lasting = production.moved.filter(({ stickySeconds = 0 }) => stickySeconds >= Math.max(1, step))
  if (lasting.length === 0) return []
  const sticky = Math.max(...lasting.map(({ stickySeconds = 0 }) => stickySeconds))
  const of = routing.type === 'TimeBasedCanary' ? 'canary' : 'first linear step'
  return [
    {
      id: 'sticky-canary',
      severity: 'warning',
      subject,
      text: `Clients keep their target group for ${sticky} s, and the ${of} of ${routing.percentage} % lasts ${step} s.`,
      consequence: `Who came in the ${sticky} s before stays on the old version for all of these ${step} s: the new one gets ${routing.percentage} % of new clients alone, and the others all at once when blue's weight becomes 0.`,
      cure: `No stickiness to groups, or one shorter than ${step} s; or longer steps.`,
      commands: lasting.map(withoutStickiness),
    },
  ]
}

function withoutStickiness(its: Listener | Rule): string {
  const TargetGroups = its.forward.map(({ targetGroupArn, weight }) => ({
    TargetGroupArn: targetGroupArn,
    Weight: weight,
  }))
  const ForwardConfig = { TargetGroups, TargetGroupStickinessConfig: { Enabled: false } }
  const actions = JSON.stringify([{ Type: 'forward', ForwardConfig }])
  return 'listenerArn' in its
    ? aws('elbv2 modify-rule', { 'rule-arn': its.arn, actions })
    : aws('elbv2 modify-listener', { 'listener-arn': its.arn, 'default-actions': actions })
}

/** AWS: with a Network Load Balancer CodeDeploy has CodeDeployDefault.ECSAllAtOnce alone. */
function canaryBehindNlb(pair: Pair): readonly Finding[] {
  if (pair.deployer !== 'CodeDeploy' || pair.loadBalancer.type !== 'network' || pair.routing.type === 'AllAtOnce')
    return []
  const { applicationName, name, deploymentConfigName } = pair.group
  return [
    {
      id: 'canary-behind-nlb',
      severity: 'error',
      subject: pair.subject,
      text: `It shifts traffic by ${deploymentConfigName} behind a Network Load Balancer.`,
      consequence: 'CodeDeploy refuses that: behind a Network Load Balancer it moves all at once.',
      here: 'It works: shares are shares of new flows.',
      cure: "All at once; or ECS's own strategy CANARY or LINEAR, which AWS has for Network Load Balancers too.",
      commands: [
        aws('deploy update-deployment-group', {
          'application-name': applicationName,
          'current-deployment-group-name': name,
          'deployment-config-name': defaultConfigName,
        }),
      ],
    },
  ]
}
