import { type EcsService, rolls, type ServiceLoadBalancer } from '../../domain/ecs-service.ts'
import {
  isFinal,
  revisionArnOf,
  revisionOf,
  type ServiceDeployment,
  serviceDeploymentsOf,
} from '../../domain/service-deployment.ts'
import { newTaskSet, type TaskSet, taskSetsOf } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'

/** How long deployments are kept once they are over (AWS: View service history). */
const historyMs = 90 * 24 * 3_600_000

/**
 * A new deployment of a service with the controller ECS, `PENDING`: its record, and its revision. A rolling one gets its task set here,
 * which becomes the primary one at once, and so does a service's first; another one's comes when traffic can be shifted to it. What
 * was under way is superseded.
 */
export function startDeployment(service: EcsService, call: Call): void {
  const { draft, now } = call
  const replaced = taskSetsOf(draft.state, service.arn).filter(({ status }) => status !== 'DRAINING')
  const { taskDefinitionArn = '' } = service
  const primary = replaced.find(({ status }) => status === 'PRIMARY')
  const loadBalancers = service.loadBalancers.map(its => inPlace(its, primary))
  const set = newTaskSet(service, call.hex(16), now, { taskDefinitionArn, status: 'PRIMARY', loadBalancers })
  const revision = revisionOf(service, set, now)
  const deployment: ServiceDeployment = {
    arn: `${service.arn.replace(':service/', ':service-deployment/')}/${newId(call)}`,
    serviceArn: service.arn,
    clusterArn: service.clusterArn,
    settings: service.deployment ?? { strategy: 'ROLLING', bakeMinutes: 0, hooks: [] },
    circuitBreaker: service.circuitBreaker,
    sourceRevisionArns: replaced.map(revisionArnOf),
    targetRevisionArn: revision.arn,
    status: 'PENDING',
    createdAt: now,
    updatedAt: now,
    hookRuns: [],
    asked: {},
  }
  const before = serviceDeploymentsOf(draft.state, service.arn)
  for (const its of before.filter(its => !isFinal(its))) {
    draft.put('serviceDeployments', its.arn, superseded(its, deployment.arn, now))
  }
  forgetDeployments(
    before.filter(({ finishedAt = now }) => finishedAt < now - historyMs),
    service,
    call,
  )
  draft.put('serviceRevisions', revision.arn, revision)
  draft.put('serviceDeployments', deployment.arn, deployment)
  if (!rolls(service) && replaced.length > 0) return
  if (primary !== undefined) draft.put('taskSets', primary.arn, { ...primary, status: 'ACTIVE', updatedAt: now })
  const rolloutStateReason = `ECS deployment ${set.id} in progress.`
  draft.put('taskSets', set.arn, rolls(service) ? { ...set, rolloutState: 'IN_PROGRESS', rolloutStateReason } : set)
}

/** Forgets deployments of the service, and the revisions that no other one of its deployments and task sets names. */
export function forgetDeployments(forgotten: readonly ServiceDeployment[], service: EcsService, { draft }: Call): void {
  if (forgotten.length === 0) return
  for (const { arn } of forgotten) draft.delete('serviceDeployments', arn)
  const named = new Set([
    ...serviceDeploymentsOf(draft.state, service.arn).flatMap(its => [
      its.targetRevisionArn,
      ...its.sourceRevisionArns,
    ]),
    ...taskSetsOf(draft.state, service.arn)
      .filter(({ status }) => status !== 'DRAINING')
      .map(revisionArnOf),
  ])
  for (const { arn, serviceArn } of draft.state.serviceRevisions.values()) {
    if (serviceArn === service.arn && !named.has(arn)) draft.delete('serviceRevisions', arn)
  }
}

/** A rolling update after shifts of traffic stays in the group of the pair where these have left it. */
function inPlace(loadBalancer: ServiceLoadBalancer, primary: TaskSet | undefined): ServiceLoadBalancer {
  const { advanced, targetGroupArn: own } = loadBalancer
  const other = advanced?.alternateTargetGroupArn
  if (other === undefined || !primary?.loadBalancers.some(({ targetGroupArn }) => targetGroupArn === other)) {
    return loadBalancer
  }
  return { ...loadBalancer, targetGroupArn: other, advanced: { ...advanced!, alternateTargetGroupArn: own } }
}

/** What nothing has been done for yet, or only task by task, ends at once; another one has traffic to bring back first. */
function superseded(deployment: ServiceDeployment, supersededBy: string, now: number): ServiceDeployment {
  const { settings, status, asked } = deployment
  if (settings.strategy === 'ROLLING' || status === 'PENDING') {
    const statusReason = 'Service deployment stopped because a newer service deployment was started.'
    return { ...deployment, status: 'STOPPED', statusReason, stoppedAt: now, finishedAt: now, updatedAt: now }
  }
  return {
    ...deployment,
    status: status === 'IN_PROGRESS' ? 'STOP_REQUESTED' : status,
    asked: { ...asked, stop: { type: 'ROLLBACK', at: now, ...asked.stop, supersededBy } },
    updatedAt: now,
  }
}

/** 21 letters, digits, `-` and `_`. */
function newId(call: Call): string {
  return Buffer.from(call.hex(32), 'hex').toString('base64url').slice(1)
}
