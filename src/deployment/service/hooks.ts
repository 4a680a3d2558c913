/** Hooks of ECS's own deployments (AWS: Lifecycle hooks for Amazon ECS service deployments; Pause hooks). */
import {
  type HookStage,
  type LifecycleHook,
  type LifecycleHookRun,
  restOf,
  revisionArnOf,
  type ServiceDeployment,
} from '../../domain/service-deployment.ts'
import type { HookAnswer } from '../hooks.ts'
import type { HookCall, View } from '../view.ts'
import type { Begun } from './traffic.ts'
import { hookStageOf } from './way.ts'

/** What AWS's ids of runs begin with; ContinueServiceDeployment takes no others. */
const pausePrefix = 'ecs-pause-'
const lambdaPrefix = 'ecs-lambda-'

/** With the hooks of the present phase begun: on the way back those alone that are called again, the traffic shifts' that ran before. */
export function withHooksBegun(deployment: Begun, { now, uuid }: View): Begun {
  const stage = hookStageOf(deployment.progress)
  const isBack = deployment.rollback !== undefined
  const runs = deployment.settings.hooks.flatMap(({ stages, targetType, timeout }, hook): LifecycleHookRun[] => {
    if (stage === undefined || !stages.includes(stage)) return []
    if (isBack && !deployment.hookRuns.some(its => its.stage === stage && its.hook === hook)) return []
    const isPause = targetType === 'PAUSE'
    const status = isPause ? 'AWAITING_ACTION' : 'IN_PROGRESS'
    return [
      {
        id: `${isPause ? pausePrefix : lambdaPrefix}${uuid()}`,
        hook,
        stage,
        status,
        startedAt: now,
        expiresAt: now + timeout.minutes * 60_000,
      },
    ]
  })
  return runs.length === 0 ? deployment : { ...deployment, hookRuns: [...deployment.hookRuns, ...runs] }
}

/** The runs of the phase that the deployment is in. */
export function runsNow({ hookRuns, progress }: Begun): readonly LifecycleHookRun[] {
  const stage = hookStageOf(progress)
  return hookRuns.filter(run => run.stage === stage && run.startedAt >= progress.since)
}

export function isOpen({ status }: LifecycleHookRun): boolean {
  return status === 'AWAITING_ACTION' || status === 'IN_PROGRESS'
}

/** Why the deployment is not to go on, once all runs have ended; `undefined`: nothing speaks against it. */
export function hookFailure(deployment: Begun): string | undefined {
  for (const { hook, stage, status, reason } of runsNow(deployment)) {
    const its = deployment.settings.hooks[hook]!
    const name = its.hookTargetArn ?? 'PAUSE'
    if (status === 'FAILED')
      return `The lifecycle hook ${name} of ${stage} failed${reason === undefined ? '.' : `: ${reason}`}`
    if (status === 'TIMED_OUT' && its.timeout.action === 'ROLLBACK')
      return `The lifecycle hook ${name} of ${stage} timed out after ${its.timeout.minutes} minutes.`
  }
  return undefined
}

/** With the open runs changed; the same object where there are none. */
export function withOpenRuns<D extends ServiceDeployment>(
  deployment: D,
  change: (run: LifecycleHookRun) => LifecycleHookRun,
): D {
  const hookRuns = deployment.hookRuns.map(run => (isOpen(run) ? change(run) : run))
  return hookRuns.every((run, i) => run === deployment.hookRuns[i]) ? deployment : { ...deployment, hookRuns }
}

/** Of the open runs: those that are to be called now. */
export function callsNow(deployment: Begun, now: number): readonly HookCall[] {
  return runsNow(deployment).flatMap((run): HookCall[] => {
    const hook = deployment.settings.hooks[run.hook]!
    if (run.status !== 'IN_PROGRESS' || (run.callBackAt ?? 0) > now) return []
    return [
      {
        name: hook.hookTargetArn ?? '',
        event: run.stage,
        deploymentId: deployment.arn,
        executionId: run.id,
        payload: payloadOf(deployment, run, hook),
      },
    ]
  })
}

/** With what a function said; the same object where it is not awaited. */
export function withAnswer(
  deployment: ServiceDeployment,
  executionId: string,
  { answer, diagnostics, callBack }: NonNullable<HookAnswer>,
  now: number,
): ServiceDeployment {
  return withOpenRuns(deployment, run => {
    if (run.id !== executionId || run.status !== 'IN_PROGRESS') return run
    if (callBack !== undefined) {
      const callBackAt = now + callBack.afterSeconds * 1000
      return {
        ...run,
        callBackAt,
        ...(callBack.details !== undefined && { details: merged(run.details, callBack.details) }),
      }
    }
    if (answer === 'Succeeded') return { ...run, status: 'SUCCEEDED', endedAt: now }
    const { message, logTail } = diagnostics ?? { message: 'it said that it failed' }
    const reason = logTail === undefined ? message : `${message}: ${logTail}`
    return { ...run, status: 'FAILED', endedAt: now, reason }
  })
}

/** The event that AWS gives the function. Weights are per cent, by revision, at the stages that move them. */
function payloadOf(deployment: Begun, { id, stage, details }: LifecycleHookRun, hook: LifecycleHook) {
  const { arn, serviceArn, targetRevisionArn, progress } = deployment
  const hookDetails = merged(hook.details, details)
  return {
    executionId: id.slice(lambdaPrefix.length),
    lifecycleStage: stage,
    resourceArn: arn,
    executionDetails: {
      serviceArn,
      targetServiceRevisionArn: targetRevisionArn,
      testTrafficWeights: testStages.has(stage) ? weights(deployment, progress.testShifted) : {},
      productionTrafficWeights: productionStages.has(stage) ? weights(deployment, progress.shifted) : {},
    },
    ...(hookDetails !== undefined && { hookDetails }),
  }
}

const testStages: ReadonlySet<HookStage> = new Set(['TEST_TRAFFIC_SHIFT'])
const productionStages: ReadonlySet<HookStage> = new Set(['PRE_PRODUCTION_TRAFFIC_SHIFT', 'PRODUCTION_TRAFFIC_SHIFT'])

function weights({ targetRevisionArn, progress: { plan } }: Begun, share: number) {
  const source = plan.blueTaskSetArn === undefined ? undefined : revisionArnOf({ arn: plan.blueTaskSetArn })
  return { [targetRevisionArn]: share, ...(source !== undefined && { [source]: restOf(share) }) }
}

/** What was said later adds to what was said before, where both have members. */
function merged(before: unknown, later: unknown): unknown {
  return isRecord(before) && isRecord(later) ? { ...before, ...later } : (later ?? before)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
