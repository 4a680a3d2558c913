import type { State } from '../domain/state.ts'
import { targetKey } from '../domain/target-group.ts'
import { isInUse, ownHealth, targetHealth } from '../domain/target-health.ts'
import type { Task } from '../domain/task.ts'
import type { TaskSet } from '../domain/task-set.ts'
import type { View } from './view.ts'

/** How the tasks of one colour are. */
export interface Side {
  readonly taskSet: TaskSet
  readonly running: number
  /** Of those running: tasks that are well themselves and whose target is healthy in the colour's group. */
  readonly healthy: number
  /** One at least has a target of which nobody knows yet: a new one, or any after a restart of the node. */
  readonly isUnjudged: boolean
  /** As many as wanted are healthy. */
  readonly steady: boolean
}

/**
 * Whether traffic may be sent there: somebody is there to take it, or nobody is meant to be. While the node is away, or has not said
 * since it came how its targets are, nobody knows, and nothing speaks against it.
 */
export function canServe(side: Side | undefined, { nodeConnected }: Pick<View, 'nodeConnected'>): boolean {
  if (side === undefined) return false
  return !nodeConnected || side.healthy > 0 || side.taskSet.desiredCount === 0
}

/**
 * Whether tasks were there and none is healthy any more. One that was scaled up from nothing, or whose tasks somebody stopped, is on its
 * way instead.
 */
export function isLost(side: Side, view: Pick<View, 'nodeConnected'>): boolean {
  return !canServe(side, view) && !side.isUnjudged && (side.running > 0 || side.taskSet.failedTasks > 0)
}

/** Of the tasks of a task set, judged by all of these target groups; `undefined` where the task set is gone or going. */
export function sideOf(taskSetArn: string, targetGroupArns: readonly string[], view: View): Side | undefined {
  const { state } = view
  const taskSet = state.taskSets.get(taskSetArn)
  if (taskSet === undefined || taskSet.status === 'DRAINING') return undefined
  const running = [...state.tasks.values()].filter(
    task => task.taskSetArn === taskSetArn && task.desiredStatus === 'RUNNING' && task.lastStatus === 'RUNNING',
  )
  const targetStates = running.map(task => targetGroupArns.map(arn => targetState(task, taskSet, arn, view)))
  const healthy = running.filter((task, i) => isWell(state, task) && targetStates[i]!.every(its => its === 'healthy'))
  return {
    taskSet,
    running: running.length,
    healthy: healthy.length,
    isUnjudged: targetStates.flat().includes('initial'),
    steady: healthy.length >= taskSet.desiredCount,
  }
}

/** Its container's own check, where it has one, has succeeded. */
function isWell(state: State, task: Task): boolean {
  const isChecked = state.taskDefinitions.get(task.taskDefinitionArn)?.containers[0]?.healthCheck !== undefined
  return task.healthStatus === 'HEALTHY' || (task.healthStatus === 'UNKNOWN' && !isChecked)
}

/**
 * As DescribeTargetHealth has it, but that a target of a group which is not in use, or not linked yet, counts by what is known of itself;
 * `undefined`: it is not registered.
 */
function targetState(task: Task, taskSet: TaskSet, targetGroupArn: string, view: View) {
  const group = view.state.targetGroups.get(targetGroupArn)
  const port = taskSet.loadBalancers.find(its => its.targetGroupArn === targetGroupArn)?.containerPort
  const hostPort = port === undefined ? undefined : task.ports?.[port]
  const target = group?.targets.find(({ id, port }) => id === task.address && port === hostPort)
  if (group === undefined || target === undefined) return undefined
  const health = ownHealth(target, view.health(targetKey(group.arn, target)))
  const { State, Reason } = targetHealth(view.state, group, target, health, view.now)
  const isForGroup = State === 'initial' || (Reason === 'Target.NotInUse' && !isInUse(view.state, group))
  return isForGroup ? (health?.verdict ?? 'initial') : State
}
