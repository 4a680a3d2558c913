import type {
  BatchGetDeploymentsInput,
  BatchGetDeploymentsOutput,
  CreateDeploymentInput,
  CreateDeploymentOutput,
  DeploymentInfo,
  GetDeploymentInput,
  GetDeploymentOutput,
  ListDeploymentsInput,
  ListDeploymentsOutput,
} from '@aws-sdk/client-codedeploy'
import {
  type AppSpec,
  type Deployment,
  type DeploymentGroup,
  finalStatuses,
  lifecycleEventNames,
} from '../../domain/code-deploy.ts'
import { coloursOf, Impossible } from '../../domain/colours.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { invalid, parseAppSpec } from './app-spec.ts'
import { findDeploymentConfig } from './deployment-configs.ts'
import { alarmsIn, rollbackEventsIn } from './deployment-group-settings.ts'
import { describeOptions, describeRouting } from './deployment-groups.ts'
import { targetStatus } from './deployment-targets.ts'
import {
  checkBatch,
  checkDeploymentId,
  deploymentsOf,
  findDeployment,
  findDeploymentGroup,
  lastDeployed,
  page,
  serviceArnOf,
} from './resources.ts'
import { describeRevision, revisionIn } from './revisions.ts'

/** Records what is to be done; the deployment engine does it. Options of the group that the call names replace the group's. */
export function CreateDeployment(input: CreateDeploymentInput, call: Call): CreateDeploymentOutput {
  const { state } = call.draft
  const group = findDeploymentGroup(state, input.applicationName, input.deploymentGroupName)
  const revision = revisionIn(input.revision)
  const appSpec = parseAppSpec(revision.content)
  checkContainer(state, appSpec)
  const config = findDeploymentConfig(state, input.deploymentConfigName ?? group.deploymentConfigName)
  if ((input.description?.length ?? 0) > 256) {
    throw new ApiError('DescriptionTooLongException', 'The description is too long: it has at most 256 characters')
  }
  if (input.deploymentMode === 'RESTART') {
    throw new ApiError('InvalidInputException', 'deploymentMode RESTART is not supported for the ECS compute platform')
  }
  const { autoRollbackConfiguration: rollback, overrideAlarmConfiguration: alarms } = input
  checkNothingInTheWay(call, group)
  checkColours(state, group)
  const deployment: Deployment = {
    id: `d-${call.hex(9).toUpperCase()}`,
    applicationName: group.applicationName,
    deploymentGroupName: group.name,
    deploymentConfigName: config.name,
    routing: config.routing,
    ...(input.description !== undefined && { description: input.description }),
    creator: 'user',
    revision,
    appSpec,
    readyOption: group.readyOption,
    termination: group.termination,
    autoRollback: rollback === undefined ? group.autoRollback : rollbackEventsIn(rollback),
    alarms: alarms === undefined ? group.alarms : alarmsIn(alarms),
    status: 'Created',
    createdAt: call.now,
    events: lifecycleEventNames.map(name => ({ name, status: 'Pending' })),
    progress: { step: 'BeforeInstall', since: call.now, shifted: 0 },
    asked: {},
  }
  call.draft.put('deployments', deployment.id, deployment)
  return { deploymentId: deployment.id }
}

export function GetDeployment(input: GetDeploymentInput, call: Call): GetDeploymentOutput {
  const { state } = call.draft
  return { deploymentInfo: describe(findDeployment(state, input.deploymentId), state) }
}

/** Those that are there: an id that nobody has is passed over. */
export function BatchGetDeployments(input: BatchGetDeploymentsInput, call: Call): BatchGetDeploymentsOutput {
  const { state } = call.draft
  if (!input.deploymentIds?.length) checkDeploymentId(undefined)
  checkBatch(input.deploymentIds, 25)
  const found = (input.deploymentIds ?? []).map(id => state.deployments.get(checkDeploymentId(id)))
  return { deploymentsInfo: found.filter(each => each !== undefined).map(each => describe(each, state)) }
}

/** Newest first. */
export function ListDeployments(input: ListDeploymentsInput, call: Call): ListDeploymentsOutput {
  const { state } = call.draft
  const { applicationName, deploymentGroupName, includeOnlyStatuses, createTimeRange, externalId } = input
  const statuses: readonly string[] = includeOnlyStatuses ?? []
  const wrong = statuses.find(status => !deploymentStatuses.includes(status))
  if (wrong !== undefined) throw new ApiError('InvalidDeploymentStatusException', `Invalid deployment status: ${wrong}`)
  const { start, end } = createTimeRange ?? {}
  if (start !== undefined && end !== undefined && start > end) {
    throw new ApiError('InvalidTimeRangeException', 'The start of the time range must not be after its end')
  }
  const all =
    applicationName === undefined && deploymentGroupName === undefined
      ? [...state.deployments.values()]
      : deploymentsOf(state, findDeploymentGroup(state, applicationName, deploymentGroupName))
  const listed = all.filter(
    ({ status, createdAt }) =>
      (statuses.length === 0 || statuses.includes(status)) &&
      (start === undefined || createdAt >= start.getTime()) &&
      (end === undefined || createdAt <= end.getTime()) &&
      // Only CloudFormation's deployments have one.
      externalId === undefined,
  )
  const { items, nextToken } = page(listed, newestFirst, input.nextToken)
  return { deployments: items.map(({ id }) => id), nextToken }
}

const deploymentStatuses: readonly string[] = [
  'Created',
  'Queued',
  'InProgress',
  'Baking',
  'Succeeded',
  'Failed',
  'Stopped',
  'Ready',
]

/** A key that sorts the newest deployment first. */
function newestFirst({ createdAt, id }: Deployment): string {
  return `${String(Number.MAX_SAFE_INTEGER - createdAt).padStart(16, '0')} ${id}`
}

/** Refused at once, where AWS starts a deployment that fails. */
function checkContainer(state: State, { taskDefinitionArn, containerName, containerPort }: AppSpec): void {
  const definition = state.taskDefinitions.get(taskDefinitionArn)
  if (definition?.status !== 'ACTIVE') {
    throw invalid(`there is no active task definition ${taskDefinitionArn}`)
  }
  const container = definition.containers.find(({ name }) => name === containerName)
  if (container === undefined) throw invalid(`${taskDefinitionArn} has no container ${containerName}`)
  if (!container.portMappings.some(mapping => mapping.containerPort === containerPort)) {
    throw invalid(`the container ${containerName} of ${taskDefinitionArn} has no port ${containerPort}`)
  }
  if (container !== definition.containers[0]) {
    throw invalid(`only the first container of ${taskDefinitionArn} runs here: put ${containerName} first`)
  }
}

/** One deployment of a group at a time, and no two that would move the same listener or service. */
function checkNothingInTheWay(call: Call, group: DeploymentGroup): void {
  for (const other of call.draft.state.deployments.values()) {
    if (finalStatuses.has(other.status)) continue
    if (other.applicationName === group.applicationName && other.deploymentGroupName === group.name) {
      throw limitExceeded(`The Deployment Group '${group.name}' already has an active Deployment '${other.id}'`)
    }
    const shared = sharedBy(call, other, group)
    if (shared === undefined) continue
    throw limitExceeded(
      `The active Deployment '${other.id}' of the Deployment Group '${other.deploymentGroupName}' also moves ${shared}`,
    )
  }
}

/** Refused at once, where AWS starts a deployment that fails. Ours asks again at Install, when things may have changed. */
function checkColours(state: State, group: DeploymentGroup): void {
  try {
    coloursOf(state, group)
  } catch (error) {
    if (!(error instanceof Impossible)) throw error
    const isService = error.code === 'INVALID_ECS_SERVICE'
    throw new ApiError(isService ? 'InvalidECSServiceException' : 'InvalidLoadBalancerInfoException', error.message)
  }
}

/** What a running deployment of another group holds that `group` would move, too. */
function sharedBy(call: Call, other: Deployment, group: DeploymentGroup): string | undefined {
  const { plan } = other.progress
  const its = call.draft.state.deploymentGroups.get(`${other.applicationName}/${other.deploymentGroupName}`)
  const held = plan ?? its
  const listeners = [group.productionListenerArn, group.testListenerArn].filter(arn => arn !== undefined)
  const listener = listeners.find(arn => arn === held?.productionListenerArn || arn === held?.testListenerArn)
  if (listener !== undefined) return `the listener ${listener}`
  const arn = serviceArnOf(call, group)
  const heldService = plan?.serviceArn ?? (its && serviceArnOf(call, its))
  return heldService === arn ? `the service ${group.serviceName}` : undefined
}

function limitExceeded(message: string): ApiError {
  return new ApiError('DeploymentLimitExceededException', message)
}

function describe(deployment: Deployment, state: State): DeploymentInfo {
  const { status, startedAt, completedAt, createdAt, progress, rollback, autoRollback } = deployment
  const group = state.deploymentGroups.get(`${deployment.applicationName}/${deployment.deploymentGroupName}`)
  const previous = group && lastDeployed(deploymentsOf(state, group).filter(its => its.createdAt < createdAt))
  const of = (time: number | undefined) => (time === undefined ? undefined : new Date(time))
  return {
    applicationName: deployment.applicationName,
    deploymentGroupName: deployment.deploymentGroupName,
    deploymentConfigName: deployment.deploymentConfigName,
    deploymentId: deployment.id,
    previousRevision: previous && describeRevision(previous.revision),
    revision: describeRevision(deployment.revision),
    status,
    errorInformation: deployment.error as DeploymentInfo['errorInformation'],
    createTime: new Date(createdAt),
    startTime: of(startedAt),
    completeTime: of(completedAt),
    deploymentOverview: {
      Pending: 0,
      InProgress: 0,
      Succeeded: 0,
      Failed: 0,
      Skipped: 0,
      Ready: 0,
      [targetStatus(deployment)]: 1,
    },
    description: deployment.description,
    creator: deployment.creator,
    ignoreApplicationStopFailures: false,
    autoRollbackConfiguration: { enabled: autoRollback.length > 0, events: [...autoRollback] },
    updateOutdatedInstancesOnly: false,
    rollbackInfo: rollback && {
      rollbackDeploymentId: rollback.deploymentId,
      rollbackTriggeringDeploymentId: rollback.triggeringDeploymentId,
      rollbackMessage: rollback.message,
    },
    instanceTerminationWaitTimeStarted:
      status === 'Succeeded' || progress.step === 'TerminationWait' || progress.step === 'Terminate',
    ...describeOptions(deployment),
    ...(group && describeRouting(group)),
    fileExistsBehavior: 'DISALLOW',
    deploymentStatusMessages: [],
    computePlatform: 'ECS',
  }
}
