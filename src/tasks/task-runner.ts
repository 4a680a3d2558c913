import { memoByTables } from '../domain/memo.ts'
import type { Change, State } from '../domain/state.ts'
import { type Task, taskId } from '../domain/task.ts'
import type { TaskEvent, TaskRuntime, TaskSpec } from './runtime.ts'

/** What a runtime said. `isUnseen`: the task has ended while no Sluice watched, and who knows whose fault that is. */
type Heard = TaskEvent & { readonly isUnseen?: boolean }

/** Makes what a runtime runs equal to the tasks, and gathers what it says of them until that is written down. */
export class TaskRunner {
  readonly #runtime: TaskRuntime
  /** By id, what it was told of those that it has not called stopped; `adopt`: nor running, since it was told that. */
  readonly #told = new Map<string, 'adopt' | 'start' | 'stop'>()
  #events: Heard[] = []

  constructor(runtime: TaskRuntime) {
    this.#runtime = runtime
  }

  /** What the runtime has said and nobody has written down yet. */
  get events(): readonly Heard[] {
    return this.#events
  }

  /** Takes in what the runtime says. */
  hear(event: TaskEvent): void {
    const { id, kind } = event
    const isUnseen = kind === 'stopped' && this.#told.get(id) === 'adopt'
    if (kind === 'stopped') this.#told.delete(id)
    else if (kind === 'running' && this.#told.get(id) === 'adopt') this.#told.set(id, 'start')
    this.#events.push({ ...event, isUnseen })
  }

  /** The first so many events are written down. */
  forget(count: number): void {
    this.#events = this.#events.slice(count)
  }

  /** Has the runtime take over the tasks that a Sluice before this one had started. */
  async adopt(state: State): Promise<void> {
    const known = [...state.tasks.values()].filter(isBegun)
    for (const task of known) this.#told.set(taskId(task), 'adopt')
    await this.#runtime.adopt(known.flatMap(task => taskSpec(state, task) ?? []))
  }

  /** Starts the tasks that are `PENDING`, stops those that are `STOPPING`, and those whose records vanished. */
  align(state: State): void {
    const vanished = new Set(this.#told.keys())
    for (const task of state.tasks.values()) {
      const id = taskId(task)
      vanished.delete(id)
      if (task.lastStatus === 'PENDING' && !this.#told.has(id) && !this.#isEnded(id)) this.#start(state, task)
      else if (task.lastStatus === 'STOPPING') this.#stop(id)
    }
    for (const id of vanished) this.#stop(id)
  }

  #start(state: State, task: Task): void {
    const id = taskId(task)
    const spec = taskSpec(state, task)
    if (spec === undefined) {
      const reason = `there is no task definition ${task.taskDefinitionArn}`
      this.hear({ id, kind: 'stopped', failedToStart: true, reason })
      return
    }
    this.#told.set(id, 'start')
    this.#runtime.start(spec)
  }

  #stop(id: string): void {
    if (this.#told.get(id) === 'stop' || this.#isEnded(id)) return
    this.#told.set(id, 'stop')
    this.#runtime.stop(id)
  }

  /** Whether its last word is among the events. */
  #isEnded(id: string): boolean {
    return this.#events.some(event => event.kind === 'stopped' && event.id === id)
  }
}

/** What a runtime has to know of a task; `undefined` if its definition is gone. */
export function taskSpec(state: State, task: Task): TaskSpec | undefined {
  const definition = state.taskDefinitions.get(task.taskDefinitionArn)
  const container = definition?.containers[0]
  if (definition === undefined || container === undefined) return undefined
  const { image, entryPoint, command, workingDirectory, environment, portMappings, stopTimeoutMs, healthCheck } =
    container
  return {
    id: taskId(task),
    name: `${definition.family}:${definition.revision}`,
    image,
    entryPoint,
    command: task.overrides?.command ?? command,
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    environment: { ...environment, ...task.overrides?.environment },
    ports: portMappings,
    stopTimeoutMs,
    ...(healthCheck === undefined ? {} : { healthCheck }),
  }
}

/** The tasks as the runtime's events make them; an event of a task that is not there, or that says nothing new, changes nothing. */
export function taskChanges(state: State, events: readonly Heard[], now: number): readonly Change[] {
  const changed = new Map<string, Task>()
  for (const event of events) {
    const task = changed.get(event.id) ?? tasksById(state.tasks).get(event.id)
    const next = task && afterEvent(task, event, now)
    if (next !== undefined && next !== task) changed.set(event.id, next)
  }
  return [...changed.values()].map(putTask)
}

/** By `taskId`. */
export const tasksById = memoByTables(
  (tasks: State['tasks']): ReadonlyMap<string, Task> => new Map(tasks.values().map(task => [taskId(task), task])),
)

/** Marks the tasks that the runtime is to start now. */
export function pendingChanges(state: State): readonly Change[] {
  const waiting = [...state.tasks.values()].filter(({ lastStatus }) => lastStatus === 'PROVISIONING')
  return waiting.map(task => putTask({ ...task, lastStatus: 'PENDING' }))
}

/** Marks the tasks that ended because Sluice did: no fault of theirs. */
export function endedChanges(state: State, reason: string, now: number): readonly Change[] {
  return [...state.tasks.values()].filter(isBegun).map(task =>
    putTask({
      ...task,
      desiredStatus: 'STOPPED',
      lastStatus: 'STOPPED',
      stoppingAt: task.stoppingAt ?? now,
      stoppedAt: now,
      stopCode: task.stopCode ?? 'ServiceSchedulerInitiated',
      stoppedReason: task.stoppedReason ?? reason,
    }),
  )
}

function putTask(task: Task): Change {
  return { table: 'tasks', key: task.arn, value: task }
}

/** Whether a runtime was told to start it and has not said that it stopped. */
function isBegun({ lastStatus }: Task): boolean {
  return lastStatus !== 'PROVISIONING' && lastStatus !== 'STOPPED'
}

function afterEvent(task: Task, event: Heard, now: number): Task {
  if (task.lastStatus === 'STOPPED') return task
  switch (event.kind) {
    case 'running': {
      const { place, startedAt } = event
      const isKnown = task.address === place.address && JSON.stringify(task.ports) === JSON.stringify(place.ports)
      if (isKnown && task.lastStatus !== 'PENDING') return task
      const lastStatus = task.lastStatus === 'PENDING' ? 'RUNNING' : task.lastStatus
      return { ...task, lastStatus, address: place.address, ports: place.ports, startedAt: task.startedAt ?? startedAt }
    }
    case 'health':
      return task.healthStatus === event.health ? task : { ...task, healthStatus: event.health }
    case 'stopped': {
      // Why it was stopped stays, where somebody asked for that.
      const isSaid = event.failedToStart || event.isUnseen
      const stoppedReason = isSaid ? event.reason : 'Essential container in task exited'
      const stopCode = event.failedToStart ? 'TaskFailedToStart' : 'EssentialContainerExited'
      return {
        ...task,
        lastStatus: 'STOPPED',
        stoppedAt: now,
        stopCode: task.stopCode ?? stopCode,
        stoppedReason: task.stoppedReason ?? stoppedReason,
        ...(event.exitCode === undefined ? {} : { exitCode: event.exitCode }),
        // What nobody wanted to run counts as no failure when it ends.
        ...(event.isUnseen && { desiredStatus: 'STOPPED', stoppingAt: task.stoppingAt ?? now }),
      }
    }
  }
}
