import type { State } from '../../domain/state.ts'
import type { Task } from '../../domain/task.ts'

/** How many of the tasks that `isMeant` run, and how many are about to (AWS: runningCount, pendingCount). */
export function countTasks(
  state: State,
  isMeant: (task: Task) => boolean,
): { readonly running: number; readonly pending: number } {
  const meant = state.tasks.values().filter(isMeant).toArray()
  return {
    running: meant.filter(task => task.lastStatus === 'RUNNING').length,
    pending: meant.filter(
      task => task.desiredStatus === 'RUNNING' && (task.lastStatus === 'PROVISIONING' || task.lastStatus === 'PENDING'),
    ).length,
  }
}
