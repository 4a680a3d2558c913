import { targetGroupAttribute } from '../domain/attributes.ts'
import type { ServiceLoadBalancer } from '../domain/ecs-service.ts'
import { type Target, type TargetGroup, targetKey } from '../domain/target-group.ts'
import { targetZone } from '../domain/target-health.ts'
import type { Task } from '../domain/task.ts'
import type { TaskSet } from '../domain/task-set.ts'
import type { Plan } from './plan.ts'

/** Whatever the group says: no new flow comes, and what is under way is answered, before its flows are ended. */
const shortestDelayMs = 1_000

/** A task's place in a target group, registered or not. */
interface TaskTarget {
  readonly group: TargetGroup
  readonly target: Target
  readonly key: string
}

/**
 * Where a task belongs in a load balancer's target group; `undefined` where it has no address yet, or the group is gone or takes
 * no addresses.
 */
export function targetOf(plan: Plan, loadBalancer: ServiceLoadBalancer, task: Task): TaskTarget | undefined {
  const group = plan.state.targetGroups.get(loadBalancer.targetGroupArn)
  const port = task.ports?.[loadBalancer.containerPort]
  if (group?.targetType !== 'ip' || task.address === undefined || port === undefined) return undefined
  const place = { id: task.address, port }
  // An address outside the VPC serves all zones (AWS: TargetDescription, AvailabilityZone).
  const isOutside = targetZone(plan.state, group, place) === undefined
  return { group, target: isOutside ? { ...place, availabilityZone: 'all' } : place, key: targetKey(group.arn, place) }
}

/** What is registered under this `targetKey`. */
export function registeredTarget(group: TargetGroup, key: string): Target | undefined {
  return byKey(group).get(key)
}

const byKeys = new WeakMap<TargetGroup, ReadonlyMap<string, Target>>()

function byKey(group: TargetGroup): ReadonlyMap<string, Target> {
  return byKeys.getOrInsertComputed(
    group,
    () => new Map(group.targets.map(target => [targetKey(group.arn, target), target])),
  )
}

/** Registers the set's running tasks in its target groups, as RegisterTargets does. */
export function registerTasks(plan: Plan, set: TaskSet): void {
  const running = plan
    .tasksOf(set.arn)
    .filter(task => task.desiredStatus === 'RUNNING' && task.lastStatus === 'RUNNING')
  for (const loadBalancer of set.loadBalancers) {
    const wanted = running.flatMap(task => targetOf(plan, loadBalancer, task) ?? [])
    const group = wanted[0]?.group
    if (group === undefined) continue
    const targets = new Map(byKey(group))
    const missing = wanted.filter(({ key }) => targets.get(key)?.deregistration !== undefined || !targets.has(key))
    if (missing.length === 0) continue
    for (const { key, target } of missing) targets.set(key, { ...target, registeredAt: plan.now })
    plan.put('targetGroups', { ...group, targets: [...targets.values()] })
    plan.tell(set.serviceArn, set, `registered ${missing.length} targets in (target-group ${group.arn})`)
  }
}

/**
 * Deregisters those of the tasks' targets that are registered, as DeregisterTargets does, but with a delay of a second at least.
 * Answers by task when the last of its registrations ends, or has ended; a task without any is not in it.
 *
 * @param how `at once` for tasks that no longer serve anybody: what is over already is written again, so that the node hears of it
 */
export function deregisterTasks(
  plan: Plan,
  set: TaskSet,
  tasks: readonly Task[],
  how: 'after the delay' | 'at once',
): ReadonlyMap<Task, number> {
  const ends = new Map<Task, number>()
  for (const loadBalancer of set.loadBalancers) {
    const group = plan.state.targetGroups.get(loadBalancer.targetGroupArn)
    if (group === undefined) continue
    const tasksByKey = new Map<string, Task>()
    for (const task of tasks) {
      const found = targetOf(plan, loadBalancer, task)
      if (found !== undefined) tasksByKey.set(found.key, task)
    }
    if (tasksByKey.size === 0) continue
    const delayMs = 1000 * Number(targetGroupAttribute(group, 'deregistration_delay.timeout_seconds'))
    const until = how === 'at once' ? plan.now : plan.now + Math.max(delayMs, shortestDelayMs)
    let deregistered = 0
    let isChanged = false
    const targets = group.targets.map(target => {
      const task = tasksByKey.get(targetKey(group.arn, target))
      if (task === undefined) return target
      const end = how === 'at once' ? until : Math.min(until, target.deregistration?.until ?? until)
      ends.set(task, Math.max(end, ends.get(task) ?? 0))
      if (target.deregistration === undefined) deregistered++
      else if (how !== 'at once' && target.deregistration.until === end) return target
      isChanged = true
      return { ...target, deregistration: { until: end } }
    })
    if (isChanged) plan.put('targetGroups', { ...group, targets })
    if (deregistered > 0) {
      plan.tell(set.serviceArn, set, `deregistered ${deregistered} targets in (target-group ${group.arn})`)
    }
  }
  return ends
}
