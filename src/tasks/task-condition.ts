import type { EcsService, ServiceLoadBalancer } from '../domain/ecs-service.ts'
import type { Health } from '../domain/health.ts'
import type { TargetGroup } from '../domain/target-group.ts'
import { type Task, taskId } from '../domain/task.ts'
import type { TaskSet } from '../domain/task-set.ts'
import type { Plan } from './plan.ts'
import { registeredTarget, targetOf } from './registration.ts'

/**
 * How a task is, as its service sees it. `starting`: it does not run yet. `unknown`: it runs, and who checks it has no verdict, or
 * a bad one that does not count yet. Without a check it is healthy as soon as it runs.
 */
export type Condition = 'starting' | 'unknown' | 'healthy' | Failing

/** Who found it failing, in the words of the task's stoppedReason and of the service's event. */
export interface Failing {
  readonly stoppedReason: string
  readonly event: string
}

export function isFailing(condition: Condition): condition is Failing {
  return typeof condition === 'object'
}

/** The condition of one of the set's tasks that is to run. */
export function conditionOf(plan: Plan, service: EcsService, set: TaskSet, task: Task): Condition {
  if (task.lastStatus !== 'RUNNING') return 'starting'
  const verdicts = [containerVerdict(plan, task), ...set.loadBalancers.map(its => targetVerdict(plan, its, task))]
  const failing = verdicts.find(isFailing)
  if (failing !== undefined) {
    const graceEnd = (task.startedAt ?? plan.now) + 1000 * service.healthCheckGraceSeconds
    if (graceEnd <= plan.now) return failing
    plan.wakeAt(graceEnd)
    return 'unknown'
  }
  return verdicts.every(verdict => verdict === 'healthy') ? 'healthy' : 'unknown'
}

function containerVerdict(plan: Plan, task: Task): Condition {
  if (task.healthStatus === 'UNHEALTHY') {
    return {
      stoppedReason: 'Task failed container health checks',
      event: `(task ${taskId(task)}) failed container health checks.`,
    }
  }
  const isChecked = plan.state.taskDefinitions.get(task.taskDefinitionArn)?.containers[0]?.healthCheck !== undefined
  return isChecked && task.healthStatus === 'UNKNOWN' ? 'unknown' : 'healthy'
}

/** The node checks targets whether a listener names their group or not, so a deployment's new side is known before it serves. */
function targetVerdict(plan: Plan, loadBalancer: ServiceLoadBalancer, task: Task): Condition {
  const found = targetOf(plan, loadBalancer, task)
  if (found === undefined) return 'healthy'
  const { group, key } = found
  const target = registeredTarget(group, key)
  if (target === undefined || target.deregistration !== undefined) return 'unknown'
  const verdict = ownVerdict(plan, group, task, plan.health(key))
  if (verdict !== 'unhealthy') return verdict === 'healthy' ? 'healthy' : 'unknown'
  const where = `(target-group ${group.arn})`
  return {
    stoppedReason: `Task failed ELB health checks in ${where}`,
    event: `(task ${taskId(task)}) (port ${target.port}) is unhealthy in ${where} due to (reason Health checks failed).`,
  }
}

/**
 * What checks say of this very task: its address and port may have been another's a moment ago, whose verdict stays until checks in a
 * row speak against it. A bad one counts when this one had the time to earn it.
 */
function ownVerdict(
  plan: Plan,
  { healthCheck }: TargetGroup,
  task: Task,
  known: Health | undefined,
): Health['verdict'] {
  const startedAt = task.startedAt ?? plan.now
  if (known === undefined || known.since >= startedAt) return known?.verdict ?? 'initial'
  const last = known.results.at(-1)
  const isBorneOut = last !== undefined && last.at >= startedAt && last.ok === (known.verdict === 'healthy')
  if (!isBorneOut || known.verdict === 'healthy') return isBorneOut ? 'healthy' : 'initial'
  const { intervalSeconds, timeoutSeconds, unhealthyThresholdCount } = healthCheck
  const earnedAt = startedAt + 1000 * (intervalSeconds * unhealthyThresholdCount + timeoutSeconds)
  plan.wakeAt(earnedAt)
  return earnedAt <= plan.now ? 'unhealthy' : 'initial'
}
