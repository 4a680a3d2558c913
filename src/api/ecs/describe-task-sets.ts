import type { DescribeTaskSetsRequest, DescribeTaskSetsResponse, TaskSet as SdkTaskSet } from '@aws-sdk/client-ecs'
import type { State } from '../../domain/state.ts'
import { type TaskSet, taskSetsOf } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'
import type { ApiError } from '../errors.ts'
import { describeLoadBalancer } from './load-balancers.ts'
import { findService, invalid, pick } from './resources.ts'
import { placementMembers } from './service-settings.ts'
import { countTasks } from './task-counts.ts'

export function DescribeTaskSets(input: DescribeTaskSetsRequest, call: Call): DescribeTaskSetsResponse {
  const { state } = call.draft
  const service = findService(call, input.cluster, input.service)
  // The controller ECS keeps its deployments as task sets, which AWS does not show as such.
  if (service.controller === 'ECS') throw notExternal()
  const all = taskSetsOf(state, service.arn)
  const names = input.taskSets?.length ? input.taskSets : all.map(taskSet => taskSet.arn)
  const found = names.map(name => all.find(taskSet => isNamed(taskSet, name)))
  return {
    taskSets: found
      .filter(taskSet => taskSet !== undefined)
      .map(taskSet => describeTaskSet(taskSet, state, input.include?.includes('TAGS') === true)),
    failures: names.filter((_, index) => found[index] === undefined).map(arn => ({ arn, reason: 'MISSING' })),
  }
}

/** What AWS answers to all actions on task sets of a service with the controller ECS. */
export function notExternal(): ApiError {
  return invalid(
    'Amazon ECS only supports task set management on services configured to use external deployment controllers.',
  )
}

/** By its ARN, its id, or the id's digits. */
export function isNamed({ arn, id }: TaskSet, name: string): boolean {
  return name === arn || name === id || `ecs-svc/${name}` === id
}

export function describeTaskSet(taskSet: TaskSet, state: State, withTags = true): SdkTaskSet {
  const { running, pending } = countTasks(state, task => task.taskSetArn === taskSet.arn)
  return {
    serviceRegistries: [],
    ...pick(taskSet.recorded, placementMembers),
    id: taskSet.id,
    taskSetArn: taskSet.arn,
    serviceArn: taskSet.serviceArn,
    clusterArn: taskSet.clusterArn,
    ...pick(taskSet, ['startedBy', 'externalId']),
    status: taskSet.status,
    taskDefinition: taskSet.taskDefinitionArn,
    computedDesiredCount: taskSet.desiredCount,
    pendingCount: pending,
    runningCount: running,
    createdAt: new Date(taskSet.createdAt),
    updatedAt: new Date(taskSet.updatedAt),
    loadBalancers: taskSet.loadBalancers.map(describeLoadBalancer),
    scale: { value: taskSet.scalePercent, unit: 'PERCENT' },
    stabilityStatus: taskSet.stabilityStatus,
    stabilityStatusAt: new Date(taskSet.stabilityStatusAt),
    ...(withTags ? { tags: [...taskSet.tags] } : {}),
  }
}
