import type {
  DeploymentLifecycleHookDetail,
  ServiceDeploymentRollbackMonitorsStatus as MonitorStatus,
  ServiceDeployment as SdkServiceDeployment,
  ServiceRevisionSummary,
} from '@aws-sdk/client-ecs'
import { failureThreshold } from '../../domain/ecs-service.ts'
import {
  isFinal,
  type LifecycleHookRun,
  restOf,
  type ServiceDeployment,
  taskSetArnOf,
} from '../../domain/service-deployment.ts'
import type { State } from '../../domain/state.ts'
import { describeSettings } from './deployment-settings.ts'
import { countTasks } from './task-counts.ts'

/** A deployment of a service with the controller ECS, in full (AWS: ServiceDeployment). */
export function describeServiceDeployment(deployment: ServiceDeployment, state: State): SdkServiceDeployment {
  const { settings, rollback, progress } = deployment
  const service = state.services.get(deployment.serviceArn)
  return {
    serviceDeploymentArn: deployment.arn,
    serviceArn: deployment.serviceArn,
    clusterArn: deployment.clusterArn,
    createdAt: new Date(deployment.createdAt),
    startedAt: timeOf(deployment.startedAt),
    finishedAt: timeOf(deployment.finishedAt),
    stoppedAt: timeOf(deployment.stoppedAt),
    updatedAt: new Date(deployment.updatedAt),
    sourceServiceRevisions: deployment.sourceRevisionArns.map(arn => summaryOf(arn, deployment, state)),
    targetServiceRevision: summaryOf(deployment.targetRevisionArn, deployment, state),
    status: deployment.status,
    statusReason: deployment.statusReason,
    lifecycleStage: progress?.stage,
    ...(deployment.hookRuns.length > 0 && {
      lifecycleHookDetails: deployment.hookRuns.map(run => describeRun(run, deployment)),
    }),
    ...(service && {
      deploymentConfiguration: describeSettings(settings, { ...service, circuitBreaker: deployment.circuitBreaker }),
    }),
    ...(rollback && {
      rollback: {
        reason: rollback.reason,
        startedAt: new Date(rollback.startedAt),
        serviceRevisionArn: rollback.revisionArn,
      },
    }),
    deploymentCircuitBreaker: circuitBreakerOf(deployment, state),
    alarms: alarmsOf(deployment),
  }
}

/** A revision with the numbers of its tasks (AWS: ServiceCurrentRevisionSummary); none once they are gone. */
export function countRevision(arn: string, state: State): ServiceRevisionSummary {
  const taskSetArn = taskSetArnOf(arn)
  const { running, pending } = countTasks(state, task => task.taskSetArn === taskSetArn)
  return {
    arn,
    requestedTaskCount: state.taskSets.get(taskSetArn)?.desiredCount ?? 0,
    runningTaskCount: running,
    pendingTaskCount: pending,
  }
}

/** Shares of traffic where it is shifted: what the target has not is its blue one's, and what else still runs has none. */
function summaryOf(arn: string, deployment: ServiceDeployment, state: State): ServiceRevisionSummary {
  const counts = countRevision(arn, state)
  const { progress, targetRevisionArn } = deployment
  if (progress?.plan === undefined || progress.plan.routes.length === 0) return counts
  const { plan, shifted, testShifted } = progress
  const of = (share: number) =>
    arn === targetRevisionArn ? share : taskSetArnOf(arn) === plan.blueTaskSetArn ? restOf(share) : 0
  return {
    ...counts,
    requestedProductionTrafficWeight: of(shifted),
    ...(plan.routes.some(({ test }) => test !== undefined) && { requestedTestTrafficWeight: of(testShifted) }),
  }
}

function describeRun(run: LifecycleHookRun, { settings }: ServiceDeployment): DeploymentLifecycleHookDetail {
  const hook = settings.hooks[run.hook]
  return {
    hookId: run.id,
    targetType: hook?.targetType,
    targetArn: hook?.hookTargetArn,
    status: run.status,
    expiresAt: new Date(run.expiresAt),
    timeoutAction: hook?.timeout.action,
  }
}

function circuitBreakerOf(
  deployment: ServiceDeployment,
  state: State,
): SdkServiceDeployment['deploymentCircuitBreaker'] {
  const threshold = failureThreshold(state.services.get(deployment.serviceArn)?.desiredCount ?? 0)
  const isBroken = reasonOf(deployment).startsWith('ECS deployment circuit breaker: ')
  const failureCount = state.taskSets.get(taskSetArnOf(deployment.targetRevisionArn))?.failedTasks ?? 0
  return {
    status: monitorStatus(deployment, deployment.circuitBreaker.enable, isBroken),
    failureCount: isBroken ? Math.max(threshold, failureCount) : failureCount,
    threshold,
  }
}

function alarmsOf(deployment: ServiceDeployment): SdkServiceDeployment['alarms'] {
  const { names, enable } = deployment.settings.alarms ?? { names: [], enable: false }
  const reason = reasonOf(deployment)
  const triggered = names.filter(
    name => reason.includes(`The alarm ${name} is `) || reason.endsWith(`alarm detected: ${name}.`),
  )
  const isWatched = enable && !deployment.alarmsIgnored
  return {
    status: monitorStatus(deployment, isWatched, triggered.length > 0),
    alarmNames: [...names],
    triggeredAlarmNames: triggered,
  }
}

function monitorStatus(deployment: ServiceDeployment, isEnabled: boolean, isTriggered: boolean): MonitorStatus {
  if (!isEnabled) return 'DISABLED'
  if (isTriggered) return 'TRIGGERED'
  return isFinal(deployment) ? 'MONITORING_COMPLETE' : 'MONITORING'
}

/** Why it goes or went back, or failed; what has ended it says so in its own words. */
function reasonOf({ rollback, statusReason = '' }: ServiceDeployment): string {
  return rollback?.reason ?? statusReason
}

function timeOf(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time)
}
