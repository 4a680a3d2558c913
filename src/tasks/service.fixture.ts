import assert from 'node:assert/strict'
import type { EcsService } from '../domain/ecs-service.ts'
import type { Health } from '../domain/health.ts'
import { health, listener, loadBalancer, now, stateWith, targetGroup } from '../domain/state.fixture.ts'
import { applyChanges, type Change, type State, type Tables } from '../domain/state.ts'
import { type TargetGroup, targetKey } from '../domain/target-group.ts'
import { type Task, taskId } from '../domain/task.ts'
import type { TaskDefinition } from '../domain/task-definition.ts'
import type { TaskSet } from '../domain/task-set.ts'
import type { TaskEvent } from './runtime.ts'
import { schedule } from './schedule.ts'
import { pendingChanges, taskChanges } from './task-runner.ts'

export const clusterArn = 'arn:aws:ecs:us-east-1:000000000000:cluster/default'
export const serviceArn = 'arn:aws:ecs:us-east-1:000000000000:service/default/web'
export const web = { targetGroupArn: 'arn:tg', containerName: 'web', containerPort: 8080 }

export function service(extra: Partial<EcsService> = {}): EcsService {
  return {
    arn: serviceArn,
    name: 'web',
    clusterArn,
    status: 'ACTIVE',
    controller: 'ECS',
    desiredCount: 2,
    taskDefinitionArn: definition(1).arn,
    loadBalancers: [web],
    minimumHealthyPercent: 100,
    maximumPercent: 200,
    circuitBreaker: { enable: false, rollback: false },
    healthCheckGraceSeconds: 0,
    recorded: {},
    createdAt: now,
    events: [],
    tags: [],
    ...extra,
  }
}

export function definition(
  revision: number,
  extra: Partial<TaskDefinition['containers'][number]> = {},
): TaskDefinition {
  const container = {
    name: 'web',
    image: 'web',
    entryPoint: ['serve'],
    command: [],
    environment: {},
    portMappings: [{ containerPort: 8080, protocol: 'tcp' }],
    stopTimeoutMs: 30_000,
    ...extra,
  } as const
  return {
    arn: `arn:aws:ecs:us-east-1:000000000000:task-definition/web:${revision}`,
    family: 'web',
    revision,
    status: 'ACTIVE',
    containers: [container],
    registered: {},
    registeredAt: now,
    tags: [],
  }
}

/** The service's deployment, or task set, that runs this revision; its id is `ecs-svc/REVISION`. */
export function taskSet(revision: number, extra: Partial<TaskSet> = {}): TaskSet {
  return {
    arn: taskSetArn(revision),
    id: `ecs-svc/${revision}`,
    serviceArn,
    clusterArn,
    taskDefinitionArn: definition(revision).arn,
    status: 'PRIMARY',
    loadBalancers: [web],
    scalePercent: 100,
    desiredCount: 2,
    recorded: {},
    stabilityStatus: 'STABILIZING',
    stabilityStatusAt: now,
    rolloutState: 'IN_PROGRESS',
    failedTasks: 0,
    createdAt: now - 1000 + revision,
    updatedAt: now,
    tags: [],
    ...extra,
  }
}

export function taskSetArn(revision: number): string {
  return `arn:aws:ecs:us-east-1:000000000000:task-set/default/web/ecs-svc/${revision}`
}

/** A state in which the target group `arn:tg`, that a listener names, and these are. */
export function ecsState(records: {
  readonly services?: readonly EcsService[]
  readonly taskSets?: readonly TaskSet[]
  readonly definitions?: readonly TaskDefinition[]
  readonly groups?: readonly TargetGroup[]
}): State {
  const { services = [service()], taskSets = [taskSet(1)], definitions = [definition(1), definition(2)] } = records
  const base = stateWith({
    loadBalancers: [loadBalancer()],
    listeners: [listener()],
    targetGroups: records.groups ?? [targetGroup()],
  })
  return applyChanges(base, base.revision + 1, [
    ...services.map(value => ({ table: 'services', key: value.arn, value }) as const),
    ...taskSets.map(value => ({ table: 'taskSets', key: value.arn, value }) as const),
    ...definitions.map(value => ({ table: 'taskDefinitions', key: value.arn, value }) as const),
  ])
}

/**
 * A state that is scheduled step by step, without a store or a runtime: a test says what becomes of the tasks that are started,
 * and how their targets are. The node acknowledges each commit, unless it is away.
 */
export class World {
  state: State
  now = now
  nextAt = Infinity
  isNodeAway = false
  #applied = 0
  readonly known = new Map<string, Health>()
  #ids = 0
  #addresses = 0

  constructor(state: State) {
    this.state = state
    this.pass()
  }

  /** Schedules, and checks that to do it again changes nothing; then again, if the node's word asks for more. */
  pass(): void {
    for (let isAsked = true; isAsked; isAsked = this.#schedule().changes.length > 0) {
      const { changes, nextAt } = this.#schedule()
      this.change(changes)
      this.nextAt = nextAt
      assert.deepEqual(this.#schedule().changes, [], 'scheduled again at once, nothing changes')
      this.change(pendingChanges(this.state))
      if (!this.isNodeAway) this.#applied = this.state.revision
    }
  }

  change(changes: readonly Change[]): void {
    this.state = applyChanges(this.state, this.state.revision + 1, changes)
  }

  put<K extends 'services' | 'taskSets' | 'tasks' | 'targetGroups'>(table: K, value: Tables[K]): void {
    this.change([{ table, key: value.arn, value } as Change])
  }

  /** Lets time pass, and schedules whenever that is asked for. */
  wait(ms: number): void {
    const end = this.now + ms
    while (this.nextAt <= end) {
      this.now = Math.max(this.now, this.nextAt)
      this.pass()
    }
    this.now = end
    this.pass()
  }

  get service(): EcsService {
    return this.state.services.get(serviceArn) ?? assert.fail('the service is gone')
  }

  set(revision: number): TaskSet | undefined {
    return this.state.taskSets.get(taskSetArn(revision))
  }

  /** Tasks that are not over, oldest first; those of one revision where it is given. */
  tasks(revision?: number): readonly Task[] {
    const arn = revision === undefined ? undefined : taskSetArn(revision)
    const all = [...this.state.tasks.values()].filter(({ lastStatus }) => lastStatus !== 'STOPPED')
    return all.filter(task => arn === undefined || task.taskSetArn === arn)
  }

  statuses(revision?: number): readonly string[] {
    return this.tasks(revision).map(({ lastStatus }) => lastStatus)
  }

  tell(...events: readonly TaskEvent[]): void {
    this.change([...taskChanges(this.state, events, this.now)])
  }

  /** The task runs, at an address of its own, and its target, once it is registered, is so. */
  run(task: Task, verdict: Health['verdict'] | 'unheard' = 'healthy'): void {
    const address = `10.0.1.${(this.#addresses++ % 200) + 20}`
    this.tell({ id: taskId(task), kind: 'running', place: { address, ports: { 8080: 8080 } }, startedAt: this.now })
    const running = this.state.tasks.get(task.arn)
    if (running !== undefined) this.judge(running, verdict)
  }

  /** All tasks that were started run, and are healthy. */
  runAll(verdict: Health['verdict'] | 'unheard' = 'healthy'): void {
    const waiting = this.tasks().filter(({ lastStatus }) => lastStatus === 'PENDING')
    for (const task of waiting) this.run(task, verdict)
    this.pass()
  }

  judge(task: Task, verdict: Health['verdict'] | 'unheard'): void {
    const key = targetKey('arn:tg', { id: task.address ?? '', port: 8080 })
    const targets = this.state.targetGroups.get('arn:tg')?.targets
    const registered = targets?.find(({ id, deregistration }) => id === task.address && !deregistration)
    const registeredAt = registered?.registeredAt ?? this.now
    if (verdict === 'unheard') this.known.delete(key)
    else this.known.set(key, health(verdict, { since: this.now, registeredAt }))
  }

  /** The task ends by itself. */
  end(task: Task, exitCode = 1): void {
    this.tell({ id: taskId(task), kind: 'stopped', failedToStart: false, reason: `exited with ${exitCode}`, exitCode })
  }

  /** The runtime has stopped what it was to stop. */
  stopAll(): void {
    const stopping = this.tasks().filter(({ lastStatus }) => lastStatus === 'STOPPING')
    for (const task of stopping) this.end(task, 0)
    this.pass()
  }

  /** Registered targets, `draining` marked. */
  targets(): readonly string[] {
    const group = this.state.targetGroups.get('arn:tg')
    return (group?.targets ?? []).map(({ id, deregistration }) => {
      if (deregistration === undefined) return id
      return `${id} ${deregistration.until > this.now ? 'drains' : 'left'}`
    })
  }

  /** The service's events, oldest first, without its name and with task ids left out. */
  events(): readonly string[] {
    return this.service.events
      .map(({ message }) =>
        message
          .replace(/^\(service web\) /, '')
          .replace(/ ?\(task [0-9a-f]{32}\)/g, '')
          .trim(),
      )
      .reverse()
  }

  #schedule() {
    return schedule(this.state, {
      health: key => this.known.get(key),
      hasApplied: revision => revision <= this.#applied,
      now: this.now,
      newTaskArn: arn => `${arn.replace(':cluster/', ':task/')}/${(++this.#ids).toString(16).padStart(32, '0')}`,
      uuid: () => `00000000-0000-4000-8000-${(++this.#ids).toString(16).padStart(12, '0')}`,
    })
  }
}
