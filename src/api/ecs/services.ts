import { isDeepStrictEqual } from 'node:util'
import type {
  CreateServiceRequest,
  CreateServiceResponse,
  DeleteServiceRequest,
  DeleteServiceResponse,
  ListServicesRequest,
  ListServicesResponse,
} from '@aws-sdk/client-ecs'
import type { EcsService } from '../../domain/ecs-service.ts'
import { serviceDeploymentsOf } from '../../domain/service-deployment.ts'
import { drained, newTaskSet, taskSetsOf } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'
import { describeService } from './describe-services.ts'
import { checkShiftable, loadBalancersIn } from './load-balancers.ts'
import {
  clusterToUse,
  findActiveTaskDefinition,
  findCluster,
  findService,
  invalid,
  isName,
  makeArn,
  tokenPage,
} from './resources.ts'
import {
  checkNetwork,
  defaultRollout,
  launchTypeIn,
  placementMembers,
  recordedIn,
  rolloutIn,
} from './service-settings.ts'
import { forgetDeployments, startDeployment } from './start-deployment.ts'
import { tagsIn } from './tags.ts'

/**
 * With the controllers ECS and CODE_DEPLOY a service comes with its first task set; EXTERNAL's come by CreateTaskSet. Asked for
 * twice with the same settings, it is created once.
 */
export function CreateService(input: CreateServiceRequest, call: Call): CreateServiceResponse {
  const cluster = clusterToUse(call, input.cluster)
  const name = input.serviceName ?? ''
  if (!isName(name)) throw invalid('Invalid service name.')
  const arn = makeArn(call, `service/${cluster.name}/${name}`)
  const settings = settingsIn(input, call)
  const before = call.draft.state.services.get(arn)
  if (before?.status === 'DRAINING') throw invalid('Unable to Start a service that is still Draining.')
  if (before?.status === 'ACTIVE') {
    if (!isDeepStrictEqual({ ...before, ...settings }, before)) {
      throw invalid('Creation of service was not idempotent.')
    }
    return { service: describeService(before, call.draft.state) }
  }
  const service: EcsService = {
    arn,
    name,
    clusterArn: cluster.arn,
    status: 'ACTIVE',
    ...settings,
    createdAt: call.now,
    events: [],
  }
  checkShiftable(service, call.draft.state)
  call.draft.put('services', arn, service)
  if (service.controller === 'ECS') startDeployment(service, call)
  else if (service.taskDefinitionArn !== undefined) {
    const { taskDefinitionArn } = service
    const first = newTaskSet(service, call.hex(16), call.now, { taskDefinitionArn, status: 'PRIMARY' })
    call.draft.put('taskSets', first.arn, first)
  }
  return { service: describeService(service, call.draft.state) }
}

/** What is deleted or gone is not listed. */
export function ListServices(input: ListServicesRequest, call: Call): ListServicesResponse {
  const cluster = findCluster(call, input.cluster)
  const wanted = [...call.draft.state.services.values()].filter(
    service =>
      service.clusterArn === cluster.arn &&
      service.status === 'ACTIVE' &&
      (input.launchType === undefined || service.recorded.launchType === input.launchType) &&
      (input.schedulingStrategy ?? 'REPLICA') === 'REPLICA',
  )
  const { items, nextToken } = tokenPage(wanted, service => service.arn, input, 10)
  return { serviceArns: items.map(service => service.arn), nextToken }
}

/** Its tasks are stopped, and then it is INACTIVE; till then it is DRAINING. Its deployments are forgotten, also one that is under way. */
export function DeleteService(input: DeleteServiceRequest, call: Call): DeleteServiceResponse {
  const service = findService(call, input.cluster, input.service)
  const taskSets = taskSetsOf(call.draft.state, service.arn)
  if (service.status === 'ACTIVE' && !input.force) {
    if (service.desiredCount > 0) throw invalid('The service cannot be stopped while it is scaled above 0.')
    // Terraform tries again after this one.
    if (taskSets.some(taskSet => taskSet.desiredCount > 0)) {
      throw invalid('The service cannot be stopped while deployments are active.')
    }
  }
  const deleted: EcsService = { ...service, status: 'DRAINING', desiredCount: 0 }
  call.draft.put('services', service.arn, deleted)
  for (const taskSet of taskSets) call.draft.change(drained(taskSet, call.now))
  forgetDeployments(serviceDeploymentsOf(call.draft.state, service.arn), service, call)
  return { service: describeService(deleted, call.draft.state) }
}

type Settings = Omit<EcsService, 'arn' | 'name' | 'clusterArn' | 'status' | 'createdAt' | 'events'>

function settingsIn(input: CreateServiceRequest, call: Call): Settings {
  const controller = input.deploymentController?.type ?? 'ECS'
  if (input.schedulingStrategy === 'DAEMON') {
    throw invalid('The daemon scheduling strategy is not offered here yet; specify REPLICA.')
  }
  const common = {
    controller,
    ...rolloutIn(controller, input.deploymentConfiguration, defaultRollout),
    healthCheckGraceSeconds: input.healthCheckGracePeriodSeconds ?? 0,
    tags: tagsIn(input.tags),
  }
  if (controller === 'EXTERNAL') {
    refuseWithExternal(input)
    return { ...common, desiredCount: input.desiredCount ?? 0, loadBalancers: [], recorded: recordedIn(input) }
  }
  if (input.desiredCount === undefined) throw invalid('The number of desired tasks must be specified.')
  if (!input.taskDefinition) throw invalid('TaskDefinition can not be blank.')
  const definition = findActiveTaskDefinition(call, input.taskDefinition)
  checkNetwork(input.networkConfiguration, definition)
  const loadBalancers = loadBalancersIn(input.loadBalancers, definition, call.draft.state)
  if (controller === 'CODE_DEPLOY' && loadBalancers.length !== 1) {
    throw invalid('Services with a CODE_DEPLOY deployment controller must have exactly one load balancer.')
  }
  return {
    ...common,
    desiredCount: input.desiredCount,
    taskDefinitionArn: definition.arn,
    loadBalancers,
    recorded: { ...recordedIn(input), ...launchTypeIn(input), ...(input.role ? { roleArn: input.role } : {}) },
  }
}

/** Task sets say what these services run (AWS: Amazon ECS external deployment). */
function refuseWithExternal(input: CreateServiceRequest): void {
  if (input.taskDefinition) throw invalid('TaskDefinition must be blank.')
  if (input.loadBalancers?.length) throw invalid('LoadBalancers must be empty or null.')
  for (const member of placementMembers) {
    const value = input[member]
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue
    throw invalid(`${member.charAt(0).toUpperCase()}${member.slice(1)} must be empty or null.`)
  }
}
