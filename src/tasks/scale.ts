import type { EcsService } from '../domain/ecs-service.ts'
import type { Task } from '../domain/task.ts'
import type { TaskSet } from '../domain/task-set.ts'
import type { Plan } from './plan.ts'
import { type Condition, conditionOf, type Failing, isFailing } from './task-condition.ts'
import { stopTask, tasksInWords } from './task-end.ts'

/** A task that is to run, and how it is. */
export interface Seen {
  readonly task: Task
  readonly condition: Condition
}

/** The set's tasks that are to run, as they are by now. */
export function seenOf(plan: Plan, service: EcsService, set: TaskSet): readonly Seen[] {
  const live = plan.tasksOf(set.arn).filter(({ desiredStatus }) => desiredStatus === 'RUNNING')
  return live.map(task => ({ task, condition: conditionOf(plan, service, set, task) }))
}

/**
 * Brings a set to its desired count: starts what is missing, stops what is too much, and replaces failing tasks, a new one first where
 * `maximum` leaves room for it. Before the set's back-off is over nothing is started, and so nothing is stopped to make room.
 *
 * @param maximum how many of the set's tasks may be live at once
 */
export function scale(plan: Plan, service: EcsService, set: TaskSet, seen: readonly Seen[], maximum: number): void {
  const failing = seen.filter(({ condition }) => isFailing(condition))
  const others = seen
    .filter(({ condition }) => !isFailing(condition))
    .reverse()
    .sort(leastNeededFirst)
  const healthy = others.filter(({ condition }) => condition === 'healthy').length
  const surplus = others.slice(0, Math.max(0, others.length - Math.min(set.desiredCount, Math.max(0, maximum))))

  const missing = mayStart(plan, set) ? Math.max(0, set.desiredCount - others.length) : 0
  const room = Math.max(0, maximum - seen.length)
  const inTheWay = Math.max(0, missing - room, seen.length - surplus.length - maximum)
  const givenUp = healthy >= set.desiredCount ? failing : failing.slice(0, inTheWay)
  stopTasks(plan, service, set, [...surplus, ...givenUp])
  startTasks(plan, service, set, Math.min(missing, room + givenUp.length))
}

/** Brings a set that is being replaced to its desired count; tasks that are missing come again, as long as there is room. */
export function shrink(plan: Plan, service: EcsService, set: TaskSet, seen: readonly Seen[], maximum: number): void {
  const failing = seen.filter(({ condition }) => isFailing(condition))
  const others = seen
    .filter(({ condition }) => !isFailing(condition))
    .reverse()
    .sort(leastNeededFirst)
  const [starting, running] = [others.filter(isStarting), others.filter(its => !isStarting(its))]
  const worstFirst = [...starting, ...failing, ...running]
  stopTasks(plan, service, set, worstFirst.slice(0, Math.max(0, seen.length - set.desiredCount)))
  const missing = mayStart(plan, set) ? set.desiredCount - seen.length : 0
  startTasks(plan, service, set, Math.min(missing, maximum - seen.length))
}

/** Whether tasks of the set may be started now; a rolling update that was given up starts none. */
export function mayStart(plan: Plan, set: TaskSet): boolean {
  if (set.rolloutState === 'FAILED') return false
  const { startNotBefore = 0 } = set
  plan.wakeAt(startNotBefore)
  return startNotBefore <= plan.now
}

const isStarting = ({ condition }: Seen) => condition === 'starting'

/** Those that don't serve yet, then the newest. */
function leastNeededFirst(a: Seen, b: Seen): number {
  const rank = ({ condition }: Seen) => (condition === 'starting' ? 0 : condition === 'unknown' ? 1 : 2)
  return rank(a) - rank(b) || b.task.createdAt - a.task.createdAt
}

function stopTasks(plan: Plan, service: EcsService, set: TaskSet, stopped: readonly Seen[]): void {
  for (const { task, condition } of stopped) {
    if (isFailing(condition)) giveUp(plan, service, set, task, condition)
    else stopTask(plan, service, set, task)
  }
}

function giveUp(plan: Plan, service: EcsService, set: TaskSet, task: Task, failing: Failing): void {
  plan.tell(service.arn, set, failing.event)
  stopTask(plan, service, set, task, failing.stoppedReason)
}

function startTasks(plan: Plan, service: EcsService, set: TaskSet, count: number): void {
  if (count <= 0) return
  const started = Array.from({ length: count }, () => plan.startTask(service, set))
  plan.tell(service.arn, set, `has started ${count} tasks: ${tasksInWords(started)}`)
  const [first, ...others] = plan.state.taskDefinitions.get(set.taskDefinitionArn)?.containers ?? []
  // Once for a set, not with each task that is replaced.
  if (first === undefined || plan.tasksOf(set.arn).length > count) return
  const { name, withheld = [] } = first
  const names = others.map(({ name }) => name).join(', ')
  if (names !== '')
    plan.tell(service.arn, set, `runs of each task only the first container, ${name}, and not: ${names}.`)
  if (withheld.length > 0) {
    const text = `runs the container ${name} without its ${withheld.join(' and ')}, which are only recorded: put what it needs into environment.`
    plan.tell(service.arn, set, text)
  }
}
