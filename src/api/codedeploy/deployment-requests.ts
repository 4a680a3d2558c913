import type {
  ContinueDeploymentInput,
  PutLifecycleEventHookExecutionStatusInput,
  PutLifecycleEventHookExecutionStatusOutput,
  StopDeploymentInput,
  StopDeploymentOutput,
} from '@aws-sdk/client-codedeploy'
import { type Deployment, finalStatuses } from '../../domain/code-deploy.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { findDeployment } from './resources.ts'

/** What is asked of a deployment that runs: it is written down, and the deployment engine heeds it. */

/** Ends a wait: without a type, that for rerouting traffic. */
export function ContinueDeployment(input: ContinueDeploymentInput, call: Call): Record<string, never> {
  const deployment = findRunning(call.draft.state, input.deploymentId)
  const { id, status, progress, asked } = deployment
  const type = input.deploymentWaitType ?? 'READY_WAIT'
  if (type === 'READY_WAIT') {
    if (status !== 'Ready') {
      throw new ApiError(
        'DeploymentIsNotInReadyStateException',
        `The deployment ${id} does not have a status of Ready and can't continue yet`,
      )
    }
    call.draft.put('deployments', id, { ...deployment, asked: { ...asked, continueReady: true } })
  } else if (type === 'TERMINATION_WAIT') {
    if (progress.step !== 'TerminationWait') {
      throw new ApiError(
        'InvalidDeploymentStatusException',
        `The deployment ${id} is not waiting for the termination of its original task set`,
      )
    }
    call.draft.put('deployments', id, { ...deployment, asked: { ...asked, continueTermination: true } })
  } else {
    throw new ApiError(
      'InvalidDeploymentWaitTypeException',
      `The wait type ${type} is invalid: it must be READY_WAIT or TERMINATION_WAIT`,
    )
  }
  return {}
}

/** Asked twice, it was asked once. From the termination of the original task set on there is no way back. */
export function StopDeployment(input: StopDeploymentInput, call: Call): StopDeploymentOutput {
  const deployment = findRunning(call.draft.state, input.deploymentId)
  const { id, progress, asked } = deployment
  if (asked.stop === undefined) {
    if (['Terminate', 'Rollback', 'Discard', 'Done'].includes(progress.step)) {
      throw new ApiError('DeploymentAlreadyCompletedException', `It is too late to stop the deployment ${id}`)
    }
    const stop = { rollback: input.autoRollbackEnabled ?? false, at: call.now }
    call.draft.put('deployments', id, { ...deployment, asked: { ...asked, stop } })
  }
  return {
    status: 'Pending',
    statusMessage: 'No more commands will be scheduled for execution in the deployment instances',
  }
}

/** A hook's answer, in the place of the Lambda function's own. */
export function PutLifecycleEventHookExecutionStatus(
  input: PutLifecycleEventHookExecutionStatusInput,
  call: Call,
): PutLifecycleEventHookExecutionStatusOutput {
  const deployment = findDeployment(call.draft.state, input.deploymentId)
  const { lifecycleEventHookExecutionId: executionId, status } = input
  if (status !== 'Succeeded' && status !== 'Failed') {
    throw new ApiError(
      'InvalidLifecycleEventHookExecutionStatusException',
      `The status ${status} of a lifecycle event hook is invalid: it must be Succeeded or Failed`,
    )
  }
  const event = deployment.events.find(each => each.executionId !== undefined && each.executionId === executionId)
  if (event === undefined) {
    throw new ApiError(
      'InvalidLifecycleEventHookExecutionIdException',
      `The deployment ${deployment.id} has no lifecycle event hook with the execution ID ${executionId}`,
    )
  }
  if (event.status !== 'InProgress' || event.answer !== undefined) {
    throw new ApiError(
      'LifecycleEventAlreadyCompletedException',
      `The lifecycle event ${event.name} of the deployment ${deployment.id} is already completed`,
    )
  }
  const events = deployment.events.map(each => (each === event ? { ...event, answer: status } : each))
  call.draft.put('deployments', deployment.id, { ...deployment, events })
  return { lifecycleEventHookExecutionId: executionId }
}

function findRunning(state: State, id: string | undefined): Deployment {
  const deployment = findDeployment(state, id)
  if (!finalStatuses.has(deployment.status)) return deployment
  throw new ApiError('DeploymentAlreadyCompletedException', `The deployment ${id} is already complete`)
}
