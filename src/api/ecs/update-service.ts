import { isDeepStrictEqual } from 'node:util'
import type { UpdateServiceRequest, UpdateServiceResponse } from '@aws-sdk/client-ecs'
import { type EcsService, rolls } from '../../domain/ecs-service.ts'
import { isFinal, serviceDeploymentsOf } from '../../domain/service-deployment.ts'
import { rescaled, type TaskSet, taskSetsOf } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'
import { describeService } from './describe-services.ts'
import { checkContainers, checkShiftable, loadBalancersIn } from './load-balancers.ts'
import { findActiveService, findActiveTaskDefinition, invalid, pick } from './resources.ts'
import { checkNetwork, placementMembers, recordedIn, rolloutIn } from './service-settings.ts'
import { startDeployment } from './start-deployment.ts'

/**
 * What is not given stays. With the controller ECS another task definition, load balancer or placement, or `forceNewDeployment`,
 * is a new deployment by the strategy that is set; the task sets of the other controllers follow the desired count and nothing else.
 */
export function UpdateService(input: UpdateServiceRequest, call: Call): UpdateServiceResponse {
  const before = findActiveService(call, input.cluster, input.service)
  refuseByController(before, input)
  const service: EcsService = {
    ...before,
    ...runsIn(input, before, call),
    ...rolloutIn(before.controller, input.deploymentConfiguration, before),
    desiredCount: input.desiredCount ?? before.desiredCount,
    healthCheckGraceSeconds: input.healthCheckGracePeriodSeconds ?? before.healthCheckGraceSeconds,
    recorded: { ...before.recorded, ...recordedIn(input) },
  }
  if (input.loadBalancers ?? input.deploymentConfiguration) checkShiftable(service, call.draft.state)
  if (rolls(service) !== rolls(before)) changeStrategy(service, call)
  call.draft.put('services', service.arn, service)
  const isAnew =
    input.forceNewDeployment ||
    !isDeepStrictEqual(whatRuns(service), whatRuns(before)) ||
    (input.taskDefinition !== undefined && isLeftUndone(service, call))
  if (service.controller === 'ECS' && isAnew) startDeployment(service, call)
  rescale(service, call)
  return { service: describeService(service, call.draft.state) }
}

/** The task definition and load balancers of an update of a service with the controller ECS. */
function runsIn(
  input: UpdateServiceRequest,
  before: EcsService,
  call: Call,
): Pick<EcsService, 'taskDefinitionArn' | 'loadBalancers'> {
  const { taskDefinition = before.taskDefinitionArn, loadBalancers } = input
  const { state } = call.draft
  if (before.controller !== 'ECS' || taskDefinition === undefined) return { loadBalancers: before.loadBalancers }
  // What runs goes on with a definition that was deregistered, and scales.
  const definition =
    (input.taskDefinition || input.forceNewDeployment ? undefined : state.taskDefinitions.get(taskDefinition)) ??
    findActiveTaskDefinition(call, taskDefinition)
  const recorded: Pick<UpdateServiceRequest, 'networkConfiguration'> = before.recorded
  checkNetwork(input.networkConfiguration ?? recorded.networkConfiguration, definition)
  if (loadBalancers === undefined) checkContainers(before.loadBalancers, definition)
  return {
    taskDefinitionArn: definition.arn,
    loadBalancers:
      loadBalancers === undefined ? before.loadBalancers : loadBalancersIn(loadBalancers, definition, state),
  }
}

function whatRuns({ taskDefinitionArn, loadBalancers, recorded }: EcsService) {
  return { taskDefinitionArn, loadBalancers, ...pick(recorded, placementMembers) }
}

/** Whether what the service is to run was cut short on its way there: then who names it again wants another deployment. */
function isLeftUndone({ arn, taskDefinitionArn }: EcsService, { draft: { state } }: Call): boolean {
  if (serviceDeploymentsOf(state, arn).some(its => !isFinal(its))) return false
  const primary = taskSetsOf(state, arn).find(({ status }) => status === 'PRIMARY')
  return primary !== undefined && primary.taskDefinitionArn !== taskDefinitionArn
}

/**
 * From rolling updates to a strategy that shifts traffic, or back. As on AWS not while a deployment is under way: who moves it would
 * change in its midst. What runs counts as deployed either way.
 */
function changeStrategy(service: EcsService, call: Call): void {
  const { state } = call.draft
  const sets = taskSetsOf(state, service.arn).filter(({ status }) => status !== 'DRAINING')
  const refuse = (why: string) => invalid(`The deployment strategy cannot be changed while ${why}`)
  if (serviceDeploymentsOf(state, service.arn).some(its => !isFinal(its))) {
    throw refuse('a deployment of the service is in progress. Wait until it is over, or stop it.')
  }
  if (sets.length > 1) {
    throw refuse('tasks of a deployment that was cut short are left. Force a new deployment first, which ends them.')
  }
  for (const set of sets) {
    const { rolloutState, rolloutStateReason, ...its } = set
    const deployed: TaskSet = rolls(service)
      ? { ...its, rolloutState: 'COMPLETED', rolloutStateReason: `ECS deployment ${set.id} completed.` }
      : its
    call.draft.put('taskSets', set.arn, { ...deployed, updatedAt: call.now })
  }
}

/** With rolling updates what was replaced is theirs to count. */
function rescale(service: EcsService, call: Call): void {
  for (const taskSet of taskSetsOf(call.draft.state, service.arn)) {
    if (taskSet.status === 'DRAINING' || (rolls(service) && taskSet.status !== 'PRIMARY')) continue
    const changed = rescaled(taskSet, service.desiredCount, taskSet.scalePercent, call.now)
    if (changed !== taskSet) call.draft.put('taskSets', taskSet.arn, changed)
  }
}

/** AWS: UpdateService, "For services using the blue/green (CODE_DEPLOY) deployment controller" and the paragraph after it. */
function refuseByController({ controller }: EcsService, input: UpdateServiceRequest): void {
  const wanted = input.deploymentController?.type
  if (wanted !== undefined && wanted !== controller) {
    throw invalid('A service cannot change its deployment controller here yet; create another service.')
  }
  if (controller === 'ECS') return
  const on = `on services with ${controller === 'EXTERNAL' ? 'an' : 'a'} ${controller} deployment controller.`
  const instead =
    controller === 'CODE_DEPLOY'
      ? 'Use AWS CodeDeploy to trigger a new deployment.'
      : 'Use CreateTaskSet to start another task set.'
  const refuse = (what: string) => invalid(`Unable to update ${what} ${on} ${instead}`)
  if (input.taskDefinition) throw refuse('task definition')
  if (input.forceNewDeployment) throw invalid(`Cannot force a new deployment ${on} ${instead}`)
  if (input.loadBalancers !== undefined) throw refuse('load balancers')
  if (input.networkConfiguration !== undefined) throw refuse('network parameters')
  if (input.platformVersion !== undefined) throw refuse('platform version')
  if (input.capacityProviderStrategy !== undefined) throw refuse('capacity provider strategy')
  if (input.serviceRegistries !== undefined) throw refuse('service registries')
  if (controller === 'EXTERNAL' && input.deploymentConfiguration !== undefined) {
    throw refuse('deployment configuration')
  }
}
