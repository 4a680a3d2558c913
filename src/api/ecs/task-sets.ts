import type {
  CreateTaskSetRequest,
  CreateTaskSetResponse,
  DeleteTaskSetRequest,
  DeleteTaskSetResponse,
  TaskSet as SdkTaskSet,
  UpdateServicePrimaryTaskSetRequest,
  UpdateServicePrimaryTaskSetResponse,
  UpdateTaskSetRequest,
  UpdateTaskSetResponse,
} from '@aws-sdk/client-ecs'
import { finalStatuses } from '../../domain/code-deploy.ts'
import type { EcsService } from '../../domain/ecs-service.ts'
import type { Change, State } from '../../domain/state.ts'
import { drained, madePrimary, newTaskSet, rescaled, type TaskSet, taskSetsOf } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { broughtBefore, requestKey } from './client-token.ts'
import { describeTaskSet, isNamed, notExternal } from './describe-task-sets.ts'
import { loadBalancersIn } from './load-balancers.ts'
import { findActiveService, findActiveTaskDefinition, findService, invalid } from './resources.ts'
import { checkNetwork, launchTypeIn, recordedIn } from './service-settings.ts'
import { tagsIn } from './tags.ts'

/** AWS: task sets of a service at a time. */
const taskSetsPerService = 5

/** Without a scale it has no tasks yet. Asked for twice with the same client token, it is created once. */
export function CreateTaskSet(input: CreateTaskSetRequest, call: Call): CreateTaskSetResponse {
  const { state } = call.draft
  const service = findActiveService(call, input.cluster, input.service)
  checkControl(service, state)
  const others = taskSetsOf(state, service.arn)
  const request = requestKey(input)
  const [before] = broughtBefore(others, request)
  if (before !== undefined) {
    if (before.request === request) return { taskSet: describeTaskSet(before, state) }
    throw invalid('Arguments on this idempotent request are inconsistent with arguments used in previous request(s).')
  }
  if (others.length >= taskSetsPerService) {
    throw invalid(
      `${others.length} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit.`,
    )
  }
  const definition = findActiveTaskDefinition(call, input.taskDefinition ?? '')
  checkNetwork(input.networkConfiguration, definition)
  const loadBalancers = loadBalancersIn(input.loadBalancers, definition, state)
  if (others.some(other => other.loadBalancers.length > 0 !== loadBalancers.length > 0)) {
    throw invalid('Either all of the task sets of a service use a load balancer, or none of them.')
  }
  const taskSet = newTaskSet(service, call.hex(16), call.now, {
    taskDefinitionArn: definition.arn,
    status: 'ACTIVE',
    loadBalancers,
    scalePercent: input.scale?.value ?? 0,
    ...(input.externalId === undefined ? {} : { externalId: input.externalId }),
    ...(request === undefined ? {} : { request }),
    recorded: { ...recordedIn(input), ...launchTypeIn(input) },
    tags: tagsIn(input.tags),
  })
  call.draft.put('taskSets', taskSet.arn, taskSet)
  return { taskSet: describeTaskSet(taskSet, call.draft.state) }
}

export function UpdateTaskSet(input: UpdateTaskSetRequest, call: Call): UpdateTaskSetResponse {
  const service = findActiveService(call, input.cluster, input.service)
  const taskSet = findTaskSet(call, service, input.taskSet)
  const wanted = rescaled(taskSet, service.desiredCount, input.scale?.value ?? taskSet.scalePercent, call.now)
  if (wanted !== taskSet) call.draft.put('taskSets', wanted.arn, wanted)
  return { taskSet: describeTaskSet(wanted, call.draft.state) }
}

export function UpdateServicePrimaryTaskSet(
  input: UpdateServicePrimaryTaskSetRequest,
  call: Call,
): UpdateServicePrimaryTaskSetResponse {
  const service = findActiveService(call, input.cluster, input.service)
  const primary = findTaskSet(call, service, input.primaryTaskSet)
  return { taskSet: changed(call, primary, madePrimary(call.draft.state, service, primary, call.now)) }
}

/** Its tasks are stopped, and then it is gone. By force also the primary one, where nobody but the caller rolls out. */
export function DeleteTaskSet(input: DeleteTaskSetRequest, call: Call): DeleteTaskSetResponse {
  const service = findService(call, input.cluster, input.service)
  const taskSet = findTaskSet(call, service, input.taskSet)
  if (taskSet.status === 'PRIMARY' && !(input.force && service.controller === 'EXTERNAL')) {
    throw invalid('Primary TaskSet cannot be deleted')
  }
  if (!input.force && taskSet.desiredCount > 0) {
    throw invalid('The task set cannot be deleted while it is scaled above 0. Scale it to 0, or use force.')
  }
  return { taskSet: changed(call, taskSet, [drained(taskSet, call.now)]) }
}

/** Makes the changes, and describes the task set as it is after them. */
function changed(call: Call, { arn }: TaskSet, changes: readonly Change[]): SdkTaskSet {
  for (const change of changes) call.draft.change(change)
  const { state } = call.draft
  return describeTaskSet(state.taskSets.get(arn)!, state)
}

/** Throws TaskSetNotFoundException for one that is not there or was deleted. */
function findTaskSet(call: Call, service: EcsService, name = ''): TaskSet {
  checkControl(service, call.draft.state)
  const found = taskSetsOf(call.draft.state, service.arn).find(taskSet => isNamed(taskSet, name))
  if (found === undefined || found.status === 'DRAINING') {
    throw new ApiError('TaskSetNotFoundException', 'The specified task set does not exist.')
  }
  return found
}

/**
 * Throws InvalidParameterException where task sets are not the caller's to change: with the controller ECS, and while CodeDeploy
 * deploys the service. Else they are open with CODE_DEPLOY, as on AWS: so one clears what a deployment has left behind.
 */
function checkControl(service: EcsService, state: State): void {
  if (service.controller === 'ECS') throw notExternal()
  const underWay = state.deployments
    .values()
    .find(({ status, progress }) => !finalStatuses.has(status) && progress.plan?.serviceArn === service.arn)
  if (underWay !== undefined) {
    throw invalid(
      `Unable to change task sets of the service while AWS CodeDeploy deploys it. Stop the deployment ${underWay.id} first.`,
    )
  }
}
