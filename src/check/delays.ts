import { targetGroupAttribute } from '../domain/attributes.ts'
import { type EcsService, rolls } from '../domain/ecs-service.ts'
import { referencesTo } from '../domain/references.ts'
import type { State } from '../domain/state.ts'
import type { TargetGroup } from '../domain/target-group.ts'
import { aws } from './aws-command.ts'
import type { Finding } from './finding.ts'
import { type Pair, subjectOfService } from './pair.ts'

const delayKey = 'deregistration_delay.timeout_seconds'
/** So long a Network Load Balancer of AWS sends new connections to a target after it was deregistered (AWS: Edit target group attributes). */
const nlbForgetSeconds = 120
/** So long at most it takes to pass from one known group to another (S2.7, S2.10). */
const nlbMoveSeconds = 90

/** Blue's tasks live on as draining targets after the time in which a rollback finds them. */
export function longDelays(_: State, pairs: readonly Pair[]): readonly Finding[] {
  return pairs.flatMap((pair): readonly Finding[] => {
    const wait = warmSeconds(pair)
    const delay = Math.max(...pair.groups.map(delayOf))
    if (wait === undefined || delay <= wait) return []
    const what = pair.deployer === 'CodeDeploy' ? 'termination wait' : 'bake time'
    return [
      {
        id: 'delay-outlives-wait',
        severity: 'warning',
        subject: pair.subject,
        text: `Its targets' deregistration delay is ${delay} s, blue's ${what} is ${wait} s.`,
        consequence: `From ${wait} s after the shift the old version cannot be rolled back to, and yet it answers the connections that it has for up to ${delay} s more; the deployment ends, and the next can begin, only then.`,
        cure: `A ${what} of at least ${Math.ceil(delay / 60) * 60} s; or a shorter delay, though behind a Network Load Balancer no less than ${nlbForgetSeconds} s.`,
        commands: [longerWait(pair, Math.ceil(delay / 60))],
      },
    ]
  })
}

/** Targets whose tasks are stopped while a Network Load Balancer still sends them new connections. */
export function shortDelays(state: State, pairs: readonly Pair[]): readonly Finding[] {
  const rolling = [...state.services.values()].filter(service => service.status === 'ACTIVE' && rolls(service))
  return [...pairs.flatMap(shortDelayOfPair), ...rolling.flatMap(service => shortDelaysOf(state, service))]
}

/** At a rollback CodeDeploy takes the replacement away as soon as the listeners were told to leave it; ECS waits. */
function shortDelayOfPair({ deployer, loadBalancer, groups, subject }: Pair): readonly Finding[] {
  const short = groups.filter(group => delayOf(group) < nlbMoveSeconds)
  if (deployer !== 'CodeDeploy' || loadBalancer.type !== 'network' || short.length === 0) return []
  const delay = Math.min(...short.map(delayOf))
  return [
    {
      id: 'short-delay',
      severity: 'error',
      subject,
      text: `The deregistration delay of ${short.map(({ name }) => name).join(' and ')}, behind a Network Load Balancer, is ${delay} s.`,
      consequence: `At a rollback the new version's tasks stop ${delay} s after the listeners were moved, which takes effect only after 60-${nlbMoveSeconds} s: nothing answers for up to ${nlbMoveSeconds - delay} s.`,
      here: 'The listeners have moved before the tasks are deregistered.',
      ...longEnough(short),
    },
  ]
}

/** A rolling update stops each task when its delay is over. */
function shortDelaysOf(state: State, service: EcsService): readonly Finding[] {
  return service.loadBalancers.flatMap(({ targetGroupArn }): readonly Finding[] => {
    const group = state.targetGroups.get(targetGroupArn)
    const isBehindNlb = referencesTo(state, targetGroupArn).some(({ loadBalancer }) => loadBalancer.type === 'network')
    if (group === undefined || !isBehindNlb || delayOf(group) >= nlbForgetSeconds) return []
    const delay = delayOf(group)
    return [
      {
        id: 'short-delay',
        severity: 'error',
        subject: subjectOfService(service),
        text: `The deregistration delay of ${group.name}, behind a Network Load Balancer, is ${delay} s.`,
        consequence: `A Network Load Balancer sends new connections to a deregistered target for up to ${nlbForgetSeconds} s; each task that is replaced refuses them for up to ${nlbForgetSeconds - delay} s.`,
        here: 'A deregistered target gets no new connection.',
        ...longEnough([group]),
      },
    ]
  })
}

function longEnough(groups: readonly TargetGroup[]): Pick<Finding, 'cure' | 'commands'> {
  const attributes = `Key=${delayKey},Value=${nlbForgetSeconds}`
  return {
    cure: `A delay of at least ${nlbForgetSeconds} s.`,
    commands: groups.map(({ arn }) =>
      aws('elbv2 modify-target-group-attributes', { 'target-group-arn': arn, attributes }),
    ),
  }
}

/** How long blue is kept after the shift, ready to be rolled back to; `undefined`: until somebody ends it. */
export function warmSeconds(pair: Pair): number | undefined {
  if (pair.deployer === 'ECS') return pair.settings.bakeMinutes * 60
  const { action, waitMinutes } = pair.group.termination
  return action === 'TERMINATE' ? waitMinutes * 60 : undefined
}

function delayOf(group: TargetGroup): number {
  return Number(targetGroupAttribute(group, delayKey))
}

function longerWait(pair: Pair, minutes: number): string {
  if (pair.deployer === 'ECS')
    return aws('ecs update-service', {
      cluster: pair.service.clusterArn,
      service: pair.service.name,
      'deployment-configuration': { strategy: pair.settings.strategy, bakeTimeInMinutes: minutes },
    })
  const { applicationName, name, readyOption } = pair.group
  const isWaiting = readyOption.action === 'STOP_DEPLOYMENT'
  return aws('deploy update-deployment-group', {
    'application-name': applicationName,
    'current-deployment-group-name': name,
    'blue-green-deployment-configuration': {
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: minutes },
      deploymentReadyOption: {
        actionOnTimeout: readyOption.action,
        ...(isWaiting && { waitTimeInMinutes: readyOption.waitMinutes }),
      },
    },
  })
}
