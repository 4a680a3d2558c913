import type {
  ListTasksRequest,
  ListTasksResponse,
  RunTaskRequest,
  RunTaskResponse,
  StopTaskRequest,
  StopTaskResponse,
} from '@aws-sdk/client-ecs'
import type { Cluster } from '../../domain/cluster.ts'
import type { Tag } from '../../domain/tag.ts'
import type { Task } from '../../domain/task.ts'
import type { TaskDefinition } from '../../domain/task-definition.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { broughtBefore, requestKey } from './client-token.ts'
import { environmentIn } from './container-definitions.ts'
import { describeTask } from './describe-tasks.ts'
import {
  clusterToUse,
  findActiveTaskDefinition,
  findCluster,
  findService,
  invalid,
  makeArn,
  pick,
  taskIn,
  tokenPage,
} from './resources.ts'
import { checkNetwork, launchTypeIn } from './service-settings.ts'
import { tagsIn } from './tags.ts'

/** AWS: tasks of one RunTask. */
const tasksPerCall = 10

/** Asked for twice with the same client token, they are run once; a token is known as long as one of its tasks. */
export function RunTask(input: RunTaskRequest, call: Call): RunTaskResponse {
  const cluster = clusterToUse(call, input.cluster)
  const request = requestKey(input)
  const before = broughtBefore(tasksOf(cluster, call), request)
  if (before.some(task => task.request !== request)) throw conflict(before)
  if (before.length > 0) return { tasks: before.map(task => describeTask(task, call.draft.state)), failures: [] }
  const definition = findActiveTaskDefinition(call, input.taskDefinition ?? '', 'InvalidParameterException')
  const { count = 1 } = input
  if (count < 1 || count > tasksPerCall) throw invalid(`The number of tasks must be between 1 and ${tasksPerCall}.`)
  if (input.group?.startsWith('service:')) throw invalid("The group of a task cannot start with 'service:'.")
  checkNetwork(input.networkConfiguration, definition)
  const overrides = overridesIn(input, definition)
  const tags = tagsOf(input, definition)
  const tasks = Array.from({ length: count }, (): Task => {
    return {
      arn: makeArn(call, `task/${cluster.name}/${call.hex(32)}`),
      clusterArn: cluster.arn,
      taskDefinitionArn: definition.arn,
      group: input.group ?? `family:${definition.family}`,
      ...(input.startedBy === undefined ? {} : { startedBy: input.startedBy }),
      ...(request === undefined ? {} : { request }),
      desiredStatus: 'RUNNING',
      lastStatus: 'PROVISIONING',
      healthStatus: 'UNKNOWN',
      ...(overrides === undefined ? {} : { overrides }),
      createdAt: call.now,
      recorded: {
        ...launchTypeIn(input),
        ...pick(input, ['overrides', 'platformVersion', 'networkConfiguration', 'enableExecuteCommand']),
      },
      tags,
    }
  })
  for (const task of tasks) call.draft.put('tasks', task.arn, task)
  return { tasks: tasks.map(task => describeTask(task, call.draft.state)), failures: [] }
}

/** Those that are to run, unless it is asked for those that are to stop or did. */
export function ListTasks(input: ListTasksRequest, call: Call): ListTasksResponse {
  const cluster = findCluster(call, input.cluster)
  const { desiredStatus = 'RUNNING', family, startedBy, launchType, serviceName } = input
  const group = serviceName && `service:${findService(call, cluster.arn, serviceName).name}`
  const wanted = tasksOf(cluster, call).filter(
    task =>
      task.desiredStatus === desiredStatus &&
      (!group || task.group === group) &&
      (family === undefined || task.taskDefinitionArn.includes(`:task-definition/${family}:`)) &&
      (startedBy === undefined || task.startedBy === startedBy) &&
      (launchType === undefined || task.recorded.launchType === launchType),
  )
  const { items, nextToken } = tokenPage(wanted, task => task.arn, input)
  return { taskArns: items.map(task => task.arn), nextToken }
}

function tasksOf(cluster: Cluster, call: Call): readonly Task[] {
  return [...call.draft.state.tasks.values()].filter(task => task.clusterArn === cluster.arn)
}

/** In the words of AWS's page on the exception; it names the token's tasks. */
function conflict(tasks: readonly Task[]): ApiError {
  const text = 'The provided clientToken is already in use with a different RunTask request.'
  return new ApiError('ConflictException', text, 400, { resourceIds: tasks.map(({ arn }) => arn) })
}

/** A service starts another one instead. */
export function StopTask(input: StopTaskRequest, call: Call): StopTaskResponse {
  const task = taskIn(call, findCluster(call, input.cluster), input.task ?? '')
  if (task === undefined) throw invalid('The referenced task was not found.')
  if (task.desiredStatus === 'STOPPED') return { task: describeTask(task, call.draft.state) }
  const stopping: Task = {
    ...task,
    desiredStatus: 'STOPPED',
    stopCode: 'UserInitiated',
    stoppedReason: input.reason || 'Task stopped by user',
  }
  call.draft.put('tasks', task.arn, stopping)
  return { task: describeTask(stopping, call.draft.state) }
}

/** With the definition's where the request asks for these; the request's own stand. */
function tagsOf({ tags, propagateTags }: RunTaskRequest, definition: TaskDefinition): readonly Tag[] {
  const own = tagsIn(tags)
  if (propagateTags !== 'TASK_DEFINITION') return own
  return [...definition.tags.filter(tag => own.every(({ key }) => key !== tag.key)), ...own]
}

/** What the overrides say for the container that runs, the definition's first. */
function overridesIn(input: RunTaskRequest, { containers }: TaskDefinition): Task['overrides'] {
  const overrides = input.overrides?.containerOverrides ?? []
  for (const { name } of overrides) {
    if (containers.every(container => container.name !== name)) {
      throw invalid(`Override for container named ${name} is not a container in the TaskDefinition.`)
    }
  }
  const own = overrides.find(({ name }) => name === containers[0]?.name)
  return (
    own && {
      ...(own.command === undefined ? {} : { command: own.command }),
      ...(own.environment === undefined ? {} : { environment: environmentIn(own.environment) }),
    }
  )
}
