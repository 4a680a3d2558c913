import { type EcsService, withEvent } from '../domain/ecs-service.ts'
import type { Health } from '../domain/health.ts'
import { type Change, changesBetween, type State, type Tables } from '../domain/state.ts'
import type { Task } from '../domain/task.ts'
import type { TaskSet } from '../domain/task-set.ts'

/** What scheduling is told beside the state, and what it can't make up itself. */
export interface Surroundings {
  /** The node's word on a target (`targetKey`), `undefined` if it has none yet. */
  health(key: string): Health | undefined
  /** Whether the node has acknowledged this revision of the state, or a later one. */
  hasApplied(revision: number): boolean
  /** Milliseconds since the epoch. */
  readonly now: number
  newTaskArn(clusterArn: string): string
  uuid(): string
}

/** The tables that scheduling writes, each keyed by ARN. */
type Written = 'services' | 'serviceDeployments' | 'taskSets' | 'tasks' | 'targetGroups'

/** What one pass makes of a state: each step reads what the steps before it wrote. */
export class Plan {
  readonly now: number
  readonly health: Surroundings['health']
  readonly hasApplied: Surroundings['hasApplied']
  /** When time alone asks for another pass; Infinity if it never does. */
  nextAt = Infinity
  readonly #surroundings: Surroundings
  readonly #before: State
  readonly #state: { -readonly [K in keyof State]: State[K] }
  readonly #copies = new Map<Written, Map<string, unknown>>()
  readonly #taskArns = new Map<string | undefined, string[]>()

  constructor(state: State, surroundings: Surroundings) {
    this.now = surroundings.now
    this.health = surroundings.health
    this.hasApplied = surroundings.hasApplied
    this.#surroundings = surroundings
    this.#before = state
    this.#state = { ...state }
    for (const { arn, taskSetArn } of state.tasks.values()) this.#arnsOf(taskSetArn).push(arn)
  }

  /** As it is by now. */
  get state(): State {
    return this.#state
  }

  /** What the store is at once the changes are committed. */
  get revision(): number {
    return this.#before.revision + 1
  }

  get changes(): readonly Change[] {
    return changesBetween(this.#before, this.#state)
  }

  /** Those that are not over, as they are by now. */
  services(): EcsService[] {
    return [...this.#state.services.values()].filter(({ status }) => status !== 'INACTIVE')
  }

  /** As they are by now, the oldest first. */
  taskSetsOf(service: EcsService): TaskSet[] {
    const sets = [...this.#state.taskSets.values()].filter(({ serviceArn }) => serviceArn === service.arn)
    return sets.sort((a, b) => a.createdAt - b.createdAt)
  }

  /** A task set's tasks, as they are by now; without `taskSetArn` those of RunTask. */
  tasksOf(taskSetArn: string | undefined): Task[] {
    return this.#arnsOf(taskSetArn).flatMap(arn => this.#state.tasks.get(arn) ?? [])
  }

  /** The sets that tasks say they belong to, whether these exist or not, and `undefined` for RunTask's. */
  taskSetsNamed(): readonly (string | undefined)[] {
    return [...this.#taskArns.keys()]
  }

  put<K extends Written>(table: K, value: Tables[K]): void {
    this.#copy(table).set(value.arn, value)
  }

  remove(table: Written, arn: string): void {
    this.#copy(table).delete(arn)
  }

  wakeAt(time: number): void {
    if (time > this.now && time < this.nextAt) this.nextAt = time
  }

  /** Adds an event to the service; `text` is what follows `(service NAME)` or `(service NAME, taskSet ID)`. */
  tell(serviceArn: string, set: TaskSet | undefined, text: string): void {
    const service = this.#state.services.get(serviceArn)
    if (service === undefined) return
    const taskSet = set === undefined || service.controller === 'ECS' ? '' : `, taskSet ${set.id}`
    const message = `(service ${service.name}${taskSet}) ${text}`
    this.put('services', withEvent(service, this.#surroundings.uuid(), this.now, message))
  }

  /** Puts the record of a new task of `set`, which whoever runs tasks then finds. */
  startTask(service: EcsService, set: TaskSet): Task {
    const task: Task = {
      arn: this.#surroundings.newTaskArn(set.clusterArn),
      clusterArn: set.clusterArn,
      taskDefinitionArn: set.taskDefinitionArn,
      group: `service:${service.name}`,
      taskSetArn: set.arn,
      startedBy: set.id,
      desiredStatus: 'RUNNING',
      lastStatus: 'PROVISIONING',
      healthStatus: 'UNKNOWN',
      createdAt: this.now,
      recorded: set.recorded,
      tags: [],
    }
    this.put('tasks', task)
    this.#arnsOf(set.arn).push(task.arn)
    return task
  }

  #arnsOf(taskSetArn: string | undefined): string[] {
    return this.#taskArns.getOrInsertComputed(taskSetArn, () => [])
  }

  #copy(table: Written): Map<string, unknown> {
    return this.#copies.getOrInsertComputed(table, () => {
      const copy = new Map<string, unknown>(this.#state[table])
      Object.assign(this.#state, { [table]: copy })
      return copy
    })
  }
}
