/** What runs tasks: processes of this host, or containers of Docker. It knows nothing of services, target groups or the store. */

import type { ContainerDefinition } from '../domain/task-definition.ts'

/** What is to run: a container, whose `name` is the task definition's here (`family:revision`), for names that people see. */
export interface TaskSpec extends Omit<ContainerDefinition, 'portMappings'> {
  /** 32 hex digits (`taskId`); the runtime knows the task by it, and only by it. */
  readonly id: string
  readonly ports: ContainerDefinition['portMappings']
}

/** Where a task that runs is reached. */
export interface Place {
  readonly address: string
  /** Host port by container port. */
  readonly ports: Readonly<Record<number, number>>
}

/** What a runtime says of a task. `stopped` is its last word. */
export type TaskEvent =
  | { readonly id: string; readonly kind: 'running'; readonly place: Place; readonly startedAt: number }
  | { readonly id: string; readonly kind: 'health'; readonly health: 'HEALTHY' | 'UNHEALTHY' }
  | {
      readonly id: string
      readonly kind: 'stopped'
      /** It never ran: the program is not there, no address is left. */
      readonly failedToStart: boolean
      /** In one line, for `stoppedReason`: `spawn nosuch ENOENT`, `exited with 1`, `killed by SIGKILL`. */
      readonly reason: string
      readonly exitCode?: number
    }

export interface TaskRuntime {
  /**
   * Takes over what a runtime before this one left running: called once, before anything else. Those of `known` that still run are told as
   * `running`, those that do not as `stopped`; whatever else of this data directory runs is ended.
   */
  adopt(known: readonly TaskSpec[]): Promise<void>
  /** Starts it; what becomes of it is told as events. One that is there already is left alone. */
  start(spec: TaskSpec): void
  /** SIGTERM, and SIGKILL after `stopTimeoutMs`. Told as `stopped`. One that is not there is told as stopped, too. */
  stop(id: string): void
  /** What it wrote to stdout and stderr, oldest first, the newest `bytes` at most; `undefined`: nothing is known of it. */
  logs(id: string, bytes: number): Promise<Buffer | undefined>
  /** Lets go of all tasks, which go on. */
  leave(): Promise<void>
  /** Ends all tasks, as `stop` does, and removes all that it set up. */
  close(): Promise<void>
}

/** Given to whoever opens a runtime. Events may come in the same turn as the call that causes them. */
export interface RuntimeOptions {
  /** Absolute: what it has to keep is in a folder `tasks` below it. */
  readonly dataDir: string
  onEvent(event: TaskEvent): void
  log(line: string): void
}
