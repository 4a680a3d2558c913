import { isDeepStrictEqual } from 'node:util'
import type { UpdateServiceRequest, UpdateServiceResponse } from '@aws-sdk/client-ecs'
import type { EcsService } from '../../domain/ecs-service.ts'
import { newTaskSet, rescaled, taskSetsOf } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'
import { describeService } from './describe-services.ts'
import { checkContainers, loadBalancersIn } from './load-balancers.ts'
import { findActiveService, findActiveTaskDefinition, invalid, pick } from './resources.ts'
import { checkNetwork, placementMembers, recordedIn, rolloutIn } from './service-settings.ts'
import { asRollout } from './services.ts'

/**
 * What is not given stays. With the controller ECS another task definition, load balancer or placement, or `forceNewDeployment`,
 * is a new deployment; the task sets of the other controllers follow the desired count and nothing else.
 */
export function UpdateService(input: UpdateServiceRequest, call: Call): UpdateServiceResponse {
  const before = findActiveService(call, input.cluster, input.service)
  refuseByController(before, input)
  const service: EcsService = {
    ...before,
    ...runsIn(input, before, call),
    ...rolloutIn(input.deploymentConfiguration, before),
    desiredCount: input.desiredCount ?? before.desiredCount,
    healthCheckGraceSeconds: input.healthCheckGracePeriodSeconds ?? before.healthCheckGraceSeconds,
    recorded: { ...before.recorded, ...recordedIn(input) },
  }
  call.draft.put('services', service.arn, service)
  const isAnew = input.forceNewDeployment || !isDeepStrictEqual(whatRuns(service), whatRuns(before))
  if (service.controller === 'ECS' && isAnew) roll(service, call)
  else rescale(service, call)
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

/** A new primary deployment; the one before it is ACTIVE until its tasks are replaced. */
function roll(service: EcsService, call: Call): void {
  for (const taskSet of taskSetsOf(call.draft.state, service.arn)) {
    if (taskSet.status !== 'PRIMARY') continue
    call.draft.put('taskSets', taskSet.arn, { ...taskSet, status: 'ACTIVE', updatedAt: call.now })
  }
  const { taskDefinitionArn = '' } = service
  const deployment = asRollout(newTaskSet(service, call.hex(16), call.now, { taskDefinitionArn, status: 'PRIMARY' }))
  call.draft.put('taskSets', deployment.arn, deployment)
}

/** With the controller ECS what was replaced is the rolling update's to count. */
function rescale(service: EcsService, call: Call): void {
  for (const taskSet of taskSetsOf(call.draft.state, service.arn)) {
    if (taskSet.status === 'DRAINING' || (service.controller === 'ECS' && taskSet.status !== 'PRIMARY')) continue
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
