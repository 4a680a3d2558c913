import { alarmAgainst, type ServiceDeployment, taskSetArnOf } from '../../domain/service-deployment.ts'
import { taskSetsOf } from '../../domain/task-set.ts'
import { type Move, type View, wait } from '../view.ts'
import { put } from './roll-back.ts'

/**
 * What becomes of a rolling update's record: the scheduler rolls, looks at alarms and stops, and says by its task sets how far it is
 * (`src/tasks/rolling-update.ts`).
 */
export function followRolling(deployment: ServiceDeployment, { state, now }: View): Move {
  const { status, startedAt, serviceArn, targetRevisionArn, rollback } = deployment
  const end = (status: ServiceDeployment['status'], statusReason?: string) => {
    const reason = statusReason !== undefined && { statusReason }
    const stopped = status === 'STOPPED' && { stoppedAt: now }
    return put({ ...deployment, status, finishedAt: now, ...reason, ...stopped }, now)
  }
  if (state.services.get(serviceArn)?.status !== 'ACTIVE') return end('STOPPED', 'The service was deleted.')
  if (startedAt === undefined) {
    const isIgnored = alarmAgainst(state, deployment) !== undefined
    const begun: ServiceDeployment = {
      ...deployment,
      status: status === 'PENDING' ? 'IN_PROGRESS' : status,
      startedAt: now,
    }
    return put(isIgnored ? { ...begun, alarmsIgnored: true } : begun, now)
  }
  const primary = taskSetsOf(state, serviceArn).find(({ status }) => status === 'PRIMARY')
  const target = state.taskSets.get(taskSetArnOf(rollback?.revisionArn ?? targetRevisionArn))
  if (target === undefined) return end('STOPPED', 'The service deployment was superseded by another one.')
  const { rolloutState, rolloutStateReason: reason = '' } = target
  if (rollback !== undefined) {
    if (target !== primary)
      return end('ROLLBACK_FAILED', `${rollback.reason} The rollback was superseded by another deployment.`)
    return rolloutState === 'COMPLETED' ? end('ROLLBACK_SUCCESSFUL', rollback.reason) : wait()
  }
  if (rolloutState === 'COMPLETED') return end('SUCCESSFUL')
  if (rolloutState === 'FAILED') return end('STOPPED', reason)
  return target === primary ? wait() : end('STOPPED', 'The service deployment was superseded by another one.')
}
