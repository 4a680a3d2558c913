import type { EcsService, ServiceLoadBalancer } from '../domain/ecs-service.ts'
import { ownHealth } from '../domain/target-health.ts'
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
  const verdict = ownHealth(target, plan.health(key))?.verdict
  if (verdict !== 'unhealthy') return verdict === 'healthy' ? 'healthy' : 'unknown'
  const where = `(target-group ${group.arn})`
  return {
    stoppedReason: `Task failed ELB health checks in ${where}`,
    event: `(task ${taskId(task)}) (port ${target.port}) is unhealthy in ${where} due to (reason Health checks failed).`,
  }
}
