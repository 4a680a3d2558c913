import type {
  DescribeTasksRequest,
  DescribeTasksResponse,
  Container as SdkContainer,
  Task as SdkTask,
} from '@aws-sdk/client-ecs'
import type { State } from '../../domain/state.ts'
import { type Task, taskId } from '../../domain/task.ts'
import type { ContainerDefinition } from '../../domain/task-definition.ts'
import type { Call } from '../call.ts'
import { arnIn, findCluster, invalid, pick, taskIn } from './resources.ts'

export function DescribeTasks(input: DescribeTasksRequest, call: Call): DescribeTasksResponse {
  const names = input.tasks ?? []
  if (names.length === 0) throw invalid('Tasks cannot be empty.')
  if (names.length > 100) throw invalid('Tasks cannot have more than 100 elements.')
  const cluster = findCluster(call, input.cluster)
  const found = names.map(name => taskIn(call, cluster, name))
  return {
    tasks: found
      .filter(task => task !== undefined)
      .map(task => describeTask(task, call.draft.state, input.include?.includes('TAGS') === true)),
    failures: names
      .filter((_, index) => found[index] === undefined)
      .map(name => ({ arn: arnIn(call, cluster, 'task', name), reason: 'MISSING' })),
  }
}

/** A task as the API shows it. Of its containers the definition's first runs, and the others say that they don't. */
export function describeTask(task: Task, state: State, withTags = true): SdkTask {
  const definition = state.taskDefinitions.get(task.taskDefinitionArn)
  return {
    attachments: [],
    attributes: [],
    overrides: { containerOverrides: [] },
    enableExecuteCommand: false,
    ...pick(definition?.registered ?? {}, ['cpu', 'memory']),
    ...pick(task.recorded, ['launchType', 'platformVersion', 'overrides', 'enableExecuteCommand']),
    taskArn: task.arn,
    clusterArn: task.clusterArn,
    taskDefinitionArn: task.taskDefinitionArn,
    group: task.group,
    desiredStatus: task.desiredStatus,
    lastStatus: task.lastStatus,
    healthStatus: task.healthStatus,
    connectivity: 'CONNECTED',
    containers: (definition?.containers ?? []).map((container, index) =>
      index === 0 ? describeContainer(task, container) : describeUnrun(task, container),
    ),
    ...pick(task, ['startedBy', 'stopCode', 'stoppedReason']),
    createdAt: new Date(task.createdAt),
    ...times(task),
    ...(withTags ? { tags: [...task.tags] } : {}),
  }
}

/** A container waits, runs or has ended; what lies between is its task's alone. */
const containerStatuses: Readonly<Record<Task['lastStatus'], string>> = {
  PROVISIONING: 'PENDING',
  PENDING: 'PENDING',
  RUNNING: 'RUNNING',
  DEACTIVATING: 'RUNNING',
  STOPPING: 'RUNNING',
  STOPPED: 'STOPPED',
}

function nameContainer(task: Task, { name, image }: ContainerDefinition): SdkContainer {
  return { containerArn: `${task.arn.replace(':task/', ':container/')}/${name}`, taskArn: task.arn, name, image }
}

function describeUnrun(task: Task, container: ContainerDefinition): SdkContainer {
  return {
    ...nameContainer(task, container),
    lastStatus: 'STOPPED',
    healthStatus: 'UNKNOWN',
    reason: 'NotRun: of a task definition with several containers only the first one runs here',
    networkBindings: [],
    networkInterfaces: [],
  }
}

function describeContainer(task: Task, container: ContainerDefinition): SdkContainer {
  const bindIP = task.address
  return {
    ...nameContainer(task, container),
    lastStatus: containerStatuses[task.lastStatus],
    healthStatus: task.healthStatus,
    ...pick(task, ['exitCode']),
    ...(task.stopCode === 'TaskFailedToStart' ? { reason: task.stoppedReason } : {}),
    networkBindings:
      bindIP === undefined
        ? []
        : container.portMappings.map(({ containerPort, protocol }) => ({
            bindIP,
            containerPort,
            hostPort: task.ports?.[containerPort] ?? containerPort,
            protocol,
          })),
    networkInterfaces: bindIP === undefined ? [] : [{ attachmentId: taskId(task), privateIpv4Address: bindIP }],
  }
}

function times(task: Task): Pick<SdkTask, 'startedAt' | 'stoppingAt' | 'stoppedAt'> {
  const entries = Object.entries(pick(task, ['startedAt', 'stoppingAt', 'stoppedAt']))
  return Object.fromEntries(entries.map(([name, time]) => [name, new Date(Number(time))]))
}
