import type { Place, TaskSpec } from '../runtime.ts'

/** Where tasks run as processes: what gives each of them an address or ports, and knows what runs there. By the tasks' ids. */
export interface Site {
  /** Tasks share an address: each may bind only the ports that it was given, whatever its own environment says. */
  readonly sharesPorts: boolean
  /**
   * Makes ready where a task is to run.
   * @throws Error with one line for the operator: there is no room
   */
  prepare(spec: Pick<TaskSpec, 'id' | 'ports'>): Promise<Place>
  /** Takes over what an earlier runtime prepared, and where its task still runs. */
  adopt(id: string, place: Place): void
  /** Calls `spawn`, which makes processes before it returns: they run there. */
  within<Made>(id: string, spawn: () => Made): Made
  /** Everything that runs there, and not only what was started by us: a task's process may have children. */
  pids(id: string): Promise<readonly number[]>
  /** The tasks for which something is prepared here, as far as the system itself knows. */
  present(): Promise<readonly string[]>
  /** Takes away what was prepared, if anything was. Nothing runs there any more. */
  remove(id: string): Promise<void>
  /** Takes away what all tasks shared. */
  close(): Promise<void>
}
