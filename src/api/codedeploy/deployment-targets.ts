import type {
  BatchGetDeploymentTargetsInput,
  BatchGetDeploymentTargetsOutput,
  DeploymentTarget,
  ECSTaskSet,
  GetDeploymentTargetInput,
  GetDeploymentTargetOutput,
  ListDeploymentTargetsInput,
  ListDeploymentTargetsOutput,
  LifecycleEvent as SdkLifecycleEvent,
} from '@aws-sdk/client-codedeploy'
import { type Deployment, type DeploymentPlan, finalStatuses, type LifecycleEvent } from '../../domain/code-deploy.ts'
import { forwardersTo } from '../../domain/listener-rules.ts'
import type { State } from '../../domain/state.ts'
import type { TaskSet } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'
import { countTasks } from '../ecs/task-counts.ts'
import { ApiError } from '../errors.ts'
import { findDeployment, serviceArnOf } from './resources.ts'

/** The one target of a deployment to ECS: its service. */
export function ListDeploymentTargets(input: ListDeploymentTargetsInput, call: Call): ListDeploymentTargetsOutput {
  const deployment = findStarted(call.draft.state, input.deploymentId)
  const statuses = input.targetFilters?.TargetStatus
  if (statuses !== undefined && !statuses.includes(targetStatus(deployment))) return { targetIds: [] }
  const serviceArn = serviceArnIn(deployment, call)
  return { targetIds: serviceArn === undefined ? [] : [targetIdOf(serviceArn)] }
}

export function GetDeploymentTarget(input: GetDeploymentTargetInput, call: Call): GetDeploymentTargetOutput {
  const deployment = findStarted(call.draft.state, input.deploymentId)
  return { deploymentTarget: describe(deployment, input.targetId, call) }
}

export function BatchGetDeploymentTargets(
  input: BatchGetDeploymentTargetsInput,
  call: Call,
): BatchGetDeploymentTargetsOutput {
  const deployment = findStarted(call.draft.state, input.deploymentId)
  const ids = input.targetIds ?? []
  if (ids.length > 1) {
    throw new ApiError(
      'DeploymentTargetListSizeExceededException',
      'The target list of a deployment to Amazon ECS must have exactly one item',
    )
  }
  return { deploymentTargets: [describe(deployment, ids[0], call)] }
}

/** Of a target, of which a deployment to ECS has one. A stopped one failed, or came to nothing. */
export function targetStatus({
  status,
  events,
}: Deployment): 'Pending' | 'InProgress' | 'Succeeded' | 'Failed' | 'Skipped' | 'Ready' {
  if (status === 'Created' || status === 'Queued') return 'Pending'
  if (status === 'Stopped') return events.some(event => event.status === 'Failed') ? 'Failed' : 'Skipped'
  return status
}

function findStarted(state: State, id: string | undefined): Deployment {
  const deployment = findDeployment(state, id)
  if (deployment.status !== 'Created' && deployment.status !== 'Queued') return deployment
  throw new ApiError('DeploymentNotStartedException', `The deployment ${id} has not started`)
}

/** Of a deployment that has not begun to plan, it is its group's; absent if that is gone. */
function serviceArnIn({ applicationName, deploymentGroupName, progress }: Deployment, call: Call): string | undefined {
  const group = call.draft.state.deploymentGroups.get(`${applicationName}/${deploymentGroupName}`)
  return progress.plan?.serviceArn ?? (group && serviceArnOf(call, group))
}

/** `CLUSTER:SERVICE` */
function targetIdOf(serviceArn: string): string {
  return serviceArn.split('/').slice(1).join(':')
}

function describe(deployment: Deployment, asked: string | undefined, call: Call): DeploymentTarget {
  if (!asked) throw new ApiError('DeploymentTargetIdRequiredException', 'A deployment target ID was not provided.')
  if (!/^[^:]+:[^:]+$/.test(asked)) {
    throw new ApiError(
      'InvalidDeploymentTargetIdException',
      `The target ID ${asked} is not valid: it is CLUSTER:SERVICE`,
    )
  }
  const serviceArn = serviceArnIn(deployment, call)
  if (serviceArn === undefined || asked !== targetIdOf(serviceArn)) {
    throw new ApiError(
      'DeploymentTargetDoesNotExistException',
      `The target ID ${asked} does not belong to the deployment ${deployment.id}`,
    )
  }
  return {
    deploymentTargetType: 'ECSTarget',
    ecsTarget: {
      deploymentId: deployment.id,
      targetId: asked,
      targetArn: serviceArn,
      lastUpdatedAt: new Date(lastUpdate(deployment)),
      lifecycleEvents: deployment.events.map(describeEvent),
      status: targetStatus(deployment),
      taskSetsInfo: taskSets(deployment, serviceArn, call.draft.state),
    },
  }
}

function lastUpdate({ createdAt, startedAt, completedAt, progress, events }: Deployment): number {
  const times = events.flatMap(event => [event.startedAt, event.endedAt])
  return Math.max(...[createdAt, startedAt, completedAt, progress.since, ...times].map(time => time ?? 0))
}

function describeEvent({ name, status, startedAt, endedAt, diagnostics }: LifecycleEvent): SdkLifecycleEvent {
  return {
    lifecycleEventName: name,
    status,
    startTime: startedAt === undefined ? undefined : new Date(startedAt),
    endTime: endedAt === undefined ? undefined : new Date(endedAt),
    diagnostics: diagnostics && {
      errorCode: diagnostics.errorCode as 'ScriptFailed',
      message: diagnostics.message,
      logTail: diagnostics.logTail,
    },
  }
}

/** Blue and green; before there is a plan, what serves by then. */
function taskSets(deployment: Deployment, serviceArn: string, state: State): ECSTaskSet[] {
  const { plan } = deployment.progress
  if (plan === undefined) {
    const primary = state.taskSets.values().find(set => set.serviceArn === serviceArn && set.status === 'PRIMARY')
    const group = primary?.loadBalancers[0]?.targetGroupArn
    return primary === undefined ? [] : [describeTaskSet(state, primary, primary.arn, group, 'Blue', 100)]
  }
  const onGreen = trafficOnGreen(deployment, plan, state)
  const { blueTaskSetArn: blue, greenTaskSetArn: green } = plan
  return [
    describeTaskSet(state, state.taskSets.get(blue), blue, plan.blueTargetGroupArn, 'Blue', 100 - onGreen),
    describeTaskSet(state, state.taskSets.get(green), green, plan.greenTargetGroupArn, 'Green', onGreen),
  ]
}

/** Per cent: as the production listener has it, and of one that is over, as it left it. */
function trafficOnGreen({ status, progress }: Deployment, plan: DeploymentPlan, state: State): number {
  const listener = state.listeners.get(plan.productionListenerArn)
  const pair = [plan.blueTargetGroupArn, plan.greenTargetGroupArn]
  const forward = listener && forwardersTo(state, listener, pair)[0]?.forward
  if (finalStatuses.has(status) || forward === undefined) return progress.shifted
  const sum = (weights: readonly number[]) => weights.reduce((total, weight) => total + weight, 0)
  const all = sum(forward.map(({ weight }) => weight))
  const its = forward.filter(({ targetGroupArn }) => targetGroupArn === plan.greenTargetGroupArn)
  return all === 0 ? progress.shifted : (100 * sum(its.map(({ weight }) => weight))) / all
}

/** @param taskSet absent once it is deleted */
function describeTaskSet(
  state: State,
  taskSet: TaskSet | undefined,
  arn: string,
  targetGroupArn: string | undefined,
  taskSetLabel: 'Blue' | 'Green',
  trafficWeight: number,
): ECSTaskSet {
  const { running, pending } = countTasks(state, task => task.taskSetArn === arn)
  const [, name = ''] = targetGroupArn?.split('/') ?? []
  return {
    identifer: arn.slice(arn.indexOf('ecs-svc/')),
    desiredCount: taskSet?.desiredCount ?? 0,
    pendingCount: pending,
    runningCount: running,
    status: taskSet?.status ?? 'DRAINING',
    trafficWeight,
    targetGroup: { name: state.targetGroups.get(targetGroupArn ?? '')?.name ?? name },
    taskSetLabel,
  }
}
