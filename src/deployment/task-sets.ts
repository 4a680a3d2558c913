import type { EcsService } from '../domain/ecs-service.ts'
import type { Change, State } from '../domain/state.ts'
import { drained, type TaskSet, taskSetsOf } from '../domain/task-set.ts'

/** Makes a task set its service's primary one, whose parameters the service takes over (AWS: UpdateServicePrimaryTaskSet). */
export function madePrimary(state: State, service: EcsService, primary: TaskSet, now: number): readonly Change[] {
  if (primary.status === 'PRIMARY') return []
  const { taskDefinitionArn, loadBalancers } = primary
  const former = taskSetsOf(state, service.arn).filter(({ status }) => status === 'PRIMARY')
  return [
    ...former.map(its => put({ ...its, status: 'ACTIVE', updatedAt: now })),
    put({ ...primary, status: 'PRIMARY', updatedAt: now }),
    { table: 'services', key: service.arn, value: { ...service, taskDefinitionArn, loadBalancers } },
  ]
}

/** Its targets drain, then its tasks stop, then it is gone (AWS: DeleteTaskSet with force). */
export function deleted(taskSet: TaskSet, now: number): Change {
  return put(drained(taskSet, now))
}

function put(value: TaskSet): Change {
  return { table: 'taskSets', key: value.arn, value }
}
