import type {
  ContinueServiceDeploymentRequest,
  ContinueServiceDeploymentResponse,
  DescribeServiceDeploymentsRequest,
  DescribeServiceDeploymentsResponse,
  ListServiceDeploymentsRequest,
  ListServiceDeploymentsResponse,
  StopServiceDeploymentRequest,
  StopServiceDeploymentResponse,
} from '@aws-sdk/client-ecs'
import { isFinal, type ServiceDeployment, serviceDeploymentsOf } from '../../domain/service-deployment.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { describeServiceDeployment } from './describe-service-deployment.ts'
import { findService, invalid, tokenPage } from './resources.ts'

/** AWS: DescribeServiceDeployments. */
const mostArns = 20

/** Newest first; 20 on a page unless the caller says otherwise (AWS: ListServiceDeployments). */
export function ListServiceDeployments(
  input: ListServiceDeploymentsRequest,
  call: Call,
): ListServiceDeploymentsResponse {
  const service = findService(call, input.cluster, input.service)
  const { before, after } = input.createdAt ?? {}
  const wanted = serviceDeploymentsOf(call.draft.state, service.arn).filter(
    ({ status, createdAt }) =>
      (!input.status?.length || input.status.includes(status)) &&
      (before === undefined || createdAt < before.getTime()) &&
      (after === undefined || createdAt > after.getTime()),
  )
  const { items, nextToken } = tokenPage(wanted, newestFirst, input, 20)
  return {
    serviceDeployments: items.map(deployment => ({
      serviceDeploymentArn: deployment.arn,
      serviceArn: deployment.serviceArn,
      clusterArn: deployment.clusterArn,
      createdAt: new Date(deployment.createdAt),
      startedAt: deployment.startedAt === undefined ? undefined : new Date(deployment.startedAt),
      finishedAt: deployment.finishedAt === undefined ? undefined : new Date(deployment.finishedAt),
      targetServiceRevisionArn: deployment.targetRevisionArn,
      status: deployment.status,
      statusReason: deployment.statusReason,
    })),
    nextToken,
  }
}

export function DescribeServiceDeployments(
  input: DescribeServiceDeploymentsRequest,
  call: Call,
): DescribeServiceDeploymentsResponse {
  const { state } = call.draft
  const arns = input.serviceDeploymentArns ?? []
  if (arns.length === 0) throw invalid('serviceDeploymentArns cannot be empty.')
  if (arns.length > mostArns) throw invalid(`serviceDeploymentArns cannot have more than ${mostArns} elements.`)
  const found = arns.map(arn => state.serviceDeployments.get(arn))
  return {
    serviceDeployments: found
      .filter(deployment => deployment !== undefined)
      .map(deployment => describeServiceDeployment(deployment, state)),
    failures: arns.filter((_, index) => found[index] === undefined).map(arn => ({ arn, reason: 'MISSING' })),
  }
}

/**
 * ROLLBACK takes everything back, ABORT leaves it where it is. Who moves the deployment does it; one that is being stopped already goes
 * on (AWS: Stopping Amazon ECS service deployments).
 */
export function StopServiceDeployment(input: StopServiceDeploymentRequest, call: Call): StopServiceDeploymentResponse {
  const deployment = findUnfinished(call, input.serviceDeploymentArn, text => {
    return new ApiError('ConflictException', `Stopping ${text}`)
  })
  const { stopType: type = 'ROLLBACK' } = input
  if (deployment.status === 'PENDING' || deployment.status === 'IN_PROGRESS') {
    call.draft.put('serviceDeployments', deployment.arn, {
      ...deployment,
      status: type === 'ROLLBACK' ? 'ROLLBACK_REQUESTED' : 'STOP_REQUESTED',
      asked: { ...deployment.asked, stop: { type, at: call.now } },
      updatedAt: call.now,
    })
  }
  return { serviceDeploymentArn: deployment.arn }
}

/** Answers a PAUSE hook: the deployment goes on once all hooks of the stage have succeeded, and back when one has failed. */
export function ContinueServiceDeployment(
  input: ContinueServiceDeploymentRequest,
  call: Call,
): ContinueServiceDeploymentResponse {
  const deployment = findUnfinished(call, input.serviceDeploymentArn, text => invalid(`Continuing ${text}`))
  const { hookId = '', action = 'CONTINUE' } = input
  if (!/^ecs-(pause|lambda)-[\w-]+$/.test(hookId)) {
    throw invalid('Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}')
  }
  const paused = deployment.hookRuns.find(({ id, status }) => id === hookId && status === 'AWAITING_ACTION')
  if (paused === undefined) {
    throw invalid('Provided hookId is either completed, unavailable, or not associated with the given Resource ARN')
  }
  const answered = { ...paused, ...answers[action], endedAt: call.now }
  call.draft.put('serviceDeployments', deployment.arn, {
    ...deployment,
    hookRuns: deployment.hookRuns.map(run => (run === paused ? answered : run)),
    updatedAt: call.now,
  })
  return { serviceDeploymentArn: deployment.arn }
}

const answers = {
  CONTINUE: { status: 'SUCCEEDED' },
  ROLLBACK: { status: 'FAILED', reason: 'ContinueServiceDeployment was called with the action ROLLBACK.' },
} as const

/** @param overError makes the error for one that is over of the text's end */
function findUnfinished(call: Call, arn = '', overError: (text: string) => ApiError): ServiceDeployment {
  const found = call.draft.state.serviceDeployments.get(arn)
  if (found === undefined) {
    throw new ApiError('ServiceDeploymentNotFoundException', 'The service deployment does not exist.')
  }
  if (!isFinal(found)) return found
  throw overError('a service deployment is not allowed for service deployment in terminal states.')
}

/** A key by which they are in that order: time counted down, from what is later than any. */
function newestFirst({ createdAt, arn }: ServiceDeployment): string {
  return `${String(1e14 - createdAt).padStart(15, '0')} ${arn}`
}
