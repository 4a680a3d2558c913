import type { EcsService } from '../domain/ecs-service.ts'
import { type Task, taskId } from '../domain/task.ts'
import type { TaskSet } from '../domain/task-set.ts'
import { afterFailure } from './failures.ts'
import type { Plan } from './plan.ts'
import { deregisterTasks } from './registration.ts'

/** How long a task that nothing is sent to any more serves on: for the answers to what had reached it. */
const answersMs = 1_000

/** Stopped tasks can be described for an hour (AWS: DescribeTasks). */
const keptStoppedMs = 3_600_000

/**
 * Takes in the tasks that have stopped: their registrations end at once, since nobody serves there any more, those that stopped by
 * themselves count as failures of their task set, and after an hour they are forgotten.
 */
export function settleStopped(plan: Plan): void {
  for (const taskSetArn of plan.taskSetsNamed()) {
    const stopped = plan.tasksOf(taskSetArn).filter(({ lastStatus }) => lastStatus === 'STOPPED')
    const set = taskSetArn === undefined ? undefined : plan.state.taskSets.get(taskSetArn)
    if (set !== undefined) deregisterTasks(plan, set, stopped, 'at once')
    for (const task of stopped) settle(plan, task)
  }
}

function settle(plan: Plan, task: Task): void {
  const stoppedAt = task.stoppedAt ?? plan.now
  const forgottenAt = stoppedAt + keptStoppedMs
  if (forgottenAt <= plan.now) {
    plan.remove('tasks', task.arn)
    return
  }
  plan.wakeAt(forgottenAt)
  const { address, ports, released, ...settled } = task
  if (task.desiredStatus === 'RUNNING') {
    countFailure(plan, task, stoppedAt)
    plan.put('tasks', { ...settled, desiredStatus: 'STOPPED', stoppingAt: stoppedAt })
  } else if (address !== undefined) plan.put('tasks', settled)
}

/** Asks one of the set's tasks to stop, for what it is: surplus, or, with `failing`, given up. */
export function stopTask(plan: Plan, service: EcsService, set: TaskSet, task: Task, failing?: string): void {
  if (failing !== undefined) countFailure(plan, task, plan.now)
  const scaling = `Scaling activity initiated by (${service.controller === 'ECS' ? 'deployment' : 'taskSet'} ${set.id})`
  plan.put('tasks', {
    ...task,
    desiredStatus: 'STOPPED',
    stoppingAt: plan.now,
    stopCode: 'ServiceSchedulerInitiated',
    stoppedReason: failing ?? scaling,
  })
}

function countFailure(plan: Plan, task: Task, endedAt: number): void {
  const set = task.taskSetArn === undefined ? undefined : plan.state.taskSets.get(task.taskSetArn)
  if (set === undefined || set.status === 'DRAINING') return
  const ranMs = task.startedAt === undefined ? 0 : endedAt - task.startedAt
  const failed = afterFailure(set, ranMs, plan.now)
  plan.put('taskSets', failed)
  if (failed.failedTasks === 3) {
    const text =
      'is unable to consistently start tasks successfully. For more information, see the Troubleshooting section.'
    plan.tell(set.serviceArn, set, text)
  }
}

/**
 * Moves the tasks that are to stop a step on. A registered one is deregistered and goes on serving, `DEACTIVATING`, until its
 * registrations are over, the node has acknowledged that, and a second more has passed; then, or at once where there are none, it is
 * `STOPPING`, which has the runtime stop it.
 */
export function leave(plan: Plan): void {
  for (const taskSetArn of plan.taskSetsNamed()) {
    const set = taskSetArn === undefined ? undefined : plan.state.taskSets.get(taskSetArn)
    const leaving = plan.tasksOf(taskSetArn).filter(task => isLeaving(task, set))
    const ends = set === undefined ? none : deregisterTasks(plan, set, leaving, 'after the delay')
    const [draining, released, stopping]: [Task[], Task[], Task[]] = [[], [], []]
    for (const task of leaving) {
      const moved = leavingStep(plan, task, ends.get(task))
      if (moved === undefined) continue
      plan.put('tasks', moved)
      if (moved.lastStatus === 'STOPPING') stopping.push(moved)
      else if (moved.lastStatus === 'DEACTIVATING' && task.lastStatus !== 'DEACTIVATING') draining.push(moved)
      if (moved.released !== undefined && task.released === undefined) released.push(moved)
    }
    if (set === undefined) continue
    // The node does not report what time alone ends, but it acknowledges a change.
    deregisterTasks(plan, set, released, 'at once')
    if (draining.length > 0)
      plan.tell(set.serviceArn, set, `has begun draining connections on ${draining.length} tasks.`)
    if (stopping.length > 0) {
      plan.tell(set.serviceArn, set, `has stopped ${stopping.length} running tasks: ${tasksInWords(stopping)}`)
    }
  }
}

const none: ReadonlyMap<Task, number> = new Map()

/** A task whose set is gone belongs to nobody. */
function isLeaving(task: Task, set: TaskSet | undefined): boolean {
  if (task.lastStatus === 'STOPPED' || task.lastStatus === 'STOPPING') return false
  return task.desiredStatus === 'STOPPED' || (task.taskSetArn !== undefined && set === undefined)
}

/** @param end of its registrations (`deregisterTasks`) */
function leavingStep(plan: Plan, task: Task, end: number | undefined): Task | undefined {
  const { now } = plan
  const asked: Task = { ...task, desiredStatus: 'STOPPED', stoppingAt: task.stoppingAt ?? now }
  const isServing = task.lastStatus === 'DEACTIVATING'
  if (task.lastStatus === 'PROVISIONING') return { ...asked, lastStatus: 'STOPPED', stoppedAt: now }
  if (end === undefined && !isServing) return { ...asked, lastStatus: 'STOPPING' }
  if (end !== undefined && end > now) {
    plan.wakeAt(end)
    return isServing ? undefined : { ...asked, lastStatus: 'DEACTIVATING' }
  }
  const { released } = task
  if (released === undefined) return { ...asked, lastStatus: 'DEACTIVATING', released: { revision: plan.revision } }
  if (!plan.hasApplied(released.revision)) return undefined
  if (released.since === undefined) return { ...task, released: { ...released, since: now } }
  const answeredAt = released.since + answersMs
  plan.wakeAt(answeredAt)
  return answeredAt <= now ? { ...asked, lastStatus: 'STOPPING' } : undefined
}

/** `(task ID) (task ID).`, as AWS ends an event that lists tasks. */
export function tasksInWords(tasks: readonly Task[]): string {
  return `${tasks.map(task => `(task ${taskId(task)})`).join(' ')}.`
}
