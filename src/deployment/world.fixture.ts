import { isDeepStrictEqual } from 'node:util'
import type { WeightedTargetGroup } from '../domain/action.ts'
import type { Alarm } from '../domain/alarm.ts'
import { type Deployment, type DeploymentGroup, lifecycleEventNames } from '../domain/code-deploy.ts'
import type { EcsService } from '../domain/ecs-service.ts'
import { fixedHex } from '../domain/fixed-hex.ts'
import type { Health, LinkingReason } from '../domain/health.ts'
import { health, listener, loadBalancer, stateWith, target, targetGroup } from '../domain/state.fixture.ts'
import { applyChanges, type Change, type State } from '../domain/state.ts'
import type { Target } from '../domain/target-group.ts'
import type { Task } from '../domain/task.ts'
import type { TaskDefinition } from '../domain/task-definition.ts'
import { newTaskSet, type TaskSet } from '../domain/task-set.ts'
import { instant, type Timing } from '../domain/timing.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { Store } from '../store/store.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { advance } from './code-deploy/steps.ts'
import type { CallHook, HookAnswer } from './hooks.ts'
import type { NodeReports } from './runner.ts'
import type { Applied, HookCall, View } from './view.ts'

/*
 * A service of two tasks behind a load balancer, a deployment of it that was just created, and everybody else who has a part in
 * it, in their simplest form: a scheduler that starts, registers and removes tasks at once, and a node that puts
 * listeners in place at once. Each of them can be made to fail.
 */

export const production = 'arn:listener:production'
export const testing = 'arn:listener:test'
export const blue = 'arn:tg:blue'
export const green = 'arn:tg:green'
export const serviceArn = 'arn:aws:ecs:us-east-1:000000000000:service/default/web'
export const oldVersion = 'arn:aws:ecs:us-east-1:000000000000:task-definition/web:1'
export const newVersion = 'arn:aws:ecs:us-east-1:000000000000:task-definition/web:2'
export const deploymentId = 'd-AAAAAAAAA'
const clusterArn = 'arn:aws:ecs:us-east-1:000000000000:cluster/default'

export class World {
  readonly clock = new VirtualClock()
  readonly store: Store
  readonly feed: NodeReports
  readonly called: HookCall[] = []
  /** What hooks say at once; without one they go on for ever. */
  hookAnswer: HookAnswer | 'later' = 'later'
  /** Task definitions whose tasks end as soon as they start. */
  readonly broken = new Set<string>()
  /** Task definitions whose tasks run and fail their health checks. */
  readonly sick = new Set<string>()
  /** Task definitions of whose tasks the node does not know yet how they are. */
  readonly unjudged = new Set<string>()
  /** Listeners that the node does not put in place. */
  readonly refused = new Set<string>()
  /** Listeners whose switch the node holds back for a while. */
  readonly held = new Set<string>()
  timing: Timing = instant
  /** All groups are being linked, as under AWS's timing. */
  linking: LinkingReason | undefined
  nodeConnected = true
  /** The node is there, and behind. */
  isNodeSlow = false
  /** False: task sets that are being deleted stay. */
  isSchedulerThere = true
  #appliedRevision = 0
  /** With the revision, of what is not in place. */
  #said: Pick<Applied, 'problems' | 'held'> = { problems: [], held: [] }
  #deploymentId = deploymentId
  readonly #inEffect = new Map<string, readonly WeightedTargetGroup[]>()
  readonly #listeners = new Set<() => void>()
  #addresses = 10

  constructor(deployment: Partial<Deployment> = {}, { withTest = true, desiredCount = 2 } = {}) {
    this.store = openMemoryStore(initialState(this.clock.now(), deployment, withTest, desiredCount))
    const world = this
    this.feed = {
      get nodeConnected() {
        return world.nodeConnected
      },
      applied: () => ({
        revision: this.#appliedRevision,
        ...this.#said,
      }),
      health: key => (this.nodeConnected ? this.#health(key) : undefined),
      onReport: tell => {
        this.#listeners.add(tell)
        return () => this.#listeners.delete(tell)
      },
    }
  }

  /** The node is back from a restart, on what it had saved at `revision`, and behind until `isNodeSlow` ends. */
  restartNode(revision: number): void {
    this.#appliedRevision = Math.min(revision, this.#appliedRevision)
    this.isNodeSlow = true
  }

  get state(): State {
    return this.store.read()
  }

  get deployment(): Deployment {
    return this.state.deployments.get(this.#deploymentId)!
  }

  get service(): EcsService {
    return this.state.services.get(serviceArn)!
  }

  taskSet(version: string): TaskSet | undefined {
    return [...this.state.taskSets.values()].find(({ taskDefinitionArn }) => taskDefinitionArn === version)
  }

  tasksOf(version: string): readonly Task[] {
    const all = [...this.state.tasks.values()]
    return all.filter(task => task.taskDefinitionArn === version && task.lastStatus === 'RUNNING')
  }

  /** Where a listener sends flows in the node: `blue 100 green 0`. */
  traffic(listenerArn: string): string {
    const forward = this.#inEffect.get(listenerArn) ?? []
    return forward.map(({ targetGroupArn, weight }) => `${targetGroupArn.split(':').at(-1)} ${weight}`).join(' ')
  }

  /** Whether everybody who comes to production meets a healthy task. */
  isServing(): boolean {
    const forward = this.#inEffect.get(production) ?? []
    return forward.every(({ targetGroupArn, weight }) => {
      const { targets = [] } = this.state.targetGroups.get(targetGroupArn) ?? {}
      const isHealthy = ({ id, port }: Target) => this.#health(`${targetGroupArn} ${id} ${port}`)?.verdict === 'healthy'
      return weight === 0 || targets.some(isHealthy)
    })
  }

  readonly callHook: CallHook = (call, signal) => {
    this.called.push(call)
    if (this.hookAnswer !== 'later') return Promise.resolve(this.hookAnswer)
    return new Promise(resolve => signal.addEventListener('abort', () => resolve(undefined)))
  }

  async commit(changes: readonly Change[]): Promise<void> {
    await this.store.transact(this.state.revision, changes)
  }

  /** Another deployment of the same group; from now on it is `deployment`. */
  async begin(deployment: Deployment): Promise<void> {
    this.#deploymentId = deployment.id
    await this.change(deployment)
  }

  change(deployment: Partial<Deployment>): Promise<void> {
    const value = { ...this.deployment, ...deployment }
    return this.commit([{ table: 'deployments', key: value.id, value }])
  }

  async point(listenerArn: string, targetGroupArn: string): Promise<void> {
    const value = { ...this.state.listeners.get(listenerArn)!, forward: [{ targetGroupArn, weight: 7 }] }
    await this.commit([{ table: 'listeners', key: listenerArn, value }])
  }

  /** Says what an event's hook says, as PutLifecycleEventHookExecutionStatus does. */
  answer(answer: 'Succeeded' | 'Failed'): Promise<void> {
    const { step } = this.deployment.progress
    const events = this.deployment.events.map(event => (event.name === step ? { ...event, answer } : event))
    return this.change({ events })
  }

  async setAlarm(name: string, state: Alarm['state']): Promise<void> {
    // Of an alarm only its state counts here.
    await this.commit([{ table: 'alarms', key: name, value: { name, state } as Alarm }])
  }

  /** One of a version's tasks ends by itself. */
  async kill(version: string): Promise<void> {
    const task = this.tasksOf(version)[0]
    if (task === undefined) return
    await this.commit(this.#ended(task, this.state))
  }

  /** Until nobody has anything to do at this time. The answer is what the deployment waits for. */
  async settle() {
    for (let moves = 0; moves < 100; moves++) {
      if (await this.turn()) continue
      const { changes, wakeAt, hooks } = advance(this.deployment, this.#view())
      if (changes.length === 0) return { wakeAt, hook: hooks?.[0] }
      await this.commit(changes)
    }
    throw new Error(`it never comes to rest: ${JSON.stringify(this.deployment.progress)}`)
  }

  /** What scheduler and node have to do; false: nothing. */
  async turn(): Promise<boolean> {
    const { revision } = this.state
    if (this.isSchedulerThere) for (const set of [...this.state.taskSets.values()]) await this.#schedule(set)
    const isNews = this.nodeConnected && !this.isNodeSlow && this.#apply()
    if (isNews) this.report()
    return isNews || this.state.revision !== revision
  }

  /** The node says something, whether or not anything changed. */
  report(): void {
    for (const tell of this.#listeners) tell()
  }

  async pass(ms: number) {
    await this.clock.advance(ms)
    return this.settle()
  }

  #view(): View {
    let count = this.state.revision
    return {
      state: this.state,
      now: this.clock.now(),
      nodeConnected: this.nodeConnected,
      applied: this.feed.applied(),
      health: key => (this.nodeConnected ? this.#health(key) : undefined),
      hex: length => fixedHex(`${count++}`, length),
      timing: this.timing,
      uuid: () => `execution-${count++}`,
    }
  }

  /** False: all that can be in place is. */
  #apply(): boolean {
    const { revision, listeners } = this.state
    const due = [...listeners.values()].filter(
      ({ arn, forward }) => this.#inEffect.get(arn) !== forward && !this.refused.has(arn) && !this.held.has(arn),
    )
    for (const { arn, forward } of due) this.#inEffect.set(arn, forward)
    const said = {
      problems: [...this.refused].map(listenerArn => ({ listenerArn, reason: 'port 80 is taken: stop who has it' })),
      held: [...this.held].map(listenerArn => ({ listenerArn })),
    }
    const isNews = due.length > 0 || this.#appliedRevision !== revision || !isDeepStrictEqual(said, this.#said)
    this.#appliedRevision = revision
    this.#said = said
    return isNews
  }

  #health(key: string): Health | undefined {
    const [group = '', id] = key.split(' ')
    const isRegistered = this.state.targetGroups.get(group)?.targets.some(its => its.id === id)
    const task = [...this.state.tasks.values()].find(({ address }) => address === id)
    if (!isRegistered || task === undefined) return undefined
    const extra = this.linking === undefined ? {} : { linking: this.linking }
    if (this.unjudged.has(task.taskDefinitionArn)) return health('initial', extra)
    return health(this.sick.has(task.taskDefinitionArn) ? 'unhealthy' : 'healthy', extra)
  }

  async #schedule(set: TaskSet): Promise<void> {
    const tasks = [...this.state.tasks.values()].filter(
      task => task.taskSetArn === set.arn && task.lastStatus === 'RUNNING',
    )
    for (let missing = set.desiredCount - tasks.length; missing > 0 && set.status !== 'DRAINING'; missing--) {
      if (set.failedTasks >= 8 && this.broken.has(set.taskDefinitionArn)) break
      await this.commit(this.#started(this.state.taskSets.get(set.arn)!))
    }
    if (set.status !== 'DRAINING') return
    let { state } = this
    const changes: Change[] = []
    for (const task of tasks) {
      const ending = this.#ended(task, state)
      state = applyChanges(state, state.revision, ending)
      changes.push(...ending)
    }
    await this.commit([...changes, { table: 'taskSets', key: set.arn }])
  }

  #started(set: TaskSet): readonly Change[] {
    const number = this.#addresses++
    const id = `10.0.${1 + Math.floor(number / 200)}.${number % 200}`
    const isBroken = this.broken.has(set.taskDefinitionArn)
    const task: Task = {
      arn: `arn:aws:ecs:us-east-1:000000000000:task/default/${fixedHex(id, 32)}`,
      clusterArn,
      taskDefinitionArn: set.taskDefinitionArn,
      group: 'service:web',
      taskSetArn: set.arn,
      desiredStatus: isBroken ? 'STOPPED' : 'RUNNING',
      lastStatus: isBroken ? 'STOPPED' : 'RUNNING',
      healthStatus: 'UNKNOWN',
      createdAt: this.clock.now(),
      recorded: {},
      tags: [],
      ...(isBroken ? { stoppedReason: 'Essential container in task exited' } : { address: id, ports: { 8080: 8080 } }),
    }
    const put: Change = { table: 'tasks', key: task.arn, value: task }
    if (isBroken) return [put, { table: 'taskSets', key: set.arn, value: { ...set, failedTasks: set.failedTasks + 1 } }]
    return [put, ...this.#withTargets(this.state, set, targets => [...targets, target(id)])]
  }

  #ended(task: Task, state: State): readonly Change[] {
    const set = state.taskSets.get(task.taskSetArn!)!
    return [
      { table: 'tasks', key: task.arn, value: { ...task, desiredStatus: 'STOPPED', lastStatus: 'STOPPED' } },
      ...this.#withTargets(state, set, targets => targets.filter(({ id }) => id !== task.address)),
    ]
  }

  #withTargets(
    state: State,
    set: TaskSet,
    change: (targets: readonly Target[]) => readonly Target[],
  ): readonly Change[] {
    return set.loadBalancers.map(({ targetGroupArn: key }) => {
      const group = state.targetGroups.get(key)!
      return { table: 'targetGroups', key, value: { ...group, targets: change(group.targets) } }
    })
  }
}

function initialState(now: number, deployment: Partial<Deployment>, withTest: boolean, desiredCount: number): State {
  const onBlue = [{ targetGroupArn: blue, weight: 1 }]
  const service: EcsService = {
    arn: serviceArn,
    name: 'web',
    clusterArn,
    status: 'ACTIVE',
    controller: 'CODE_DEPLOY',
    desiredCount,
    taskDefinitionArn: oldVersion,
    loadBalancers: [{ targetGroupArn: blue, containerName: 'web', containerPort: 8080 }],
    minimumHealthyPercent: 100,
    maximumPercent: 200,
    circuitBreaker: { enable: false, rollback: false },
    healthCheckGraceSeconds: 0,
    recorded: {},
    createdAt: now,
    events: [],
    tags: [],
  }
  const first = newTaskSet(service, '0000000000000001', now, { taskDefinitionArn: oldVersion, status: 'PRIMARY' })
  const its = newDeployment(now, deployment)
  const group: DeploymentGroup = {
    id: 'group',
    name: its.deploymentGroupName,
    applicationName: its.applicationName,
    deploymentConfigName: its.deploymentConfigName,
    serviceRoleArn: 'arn:aws:iam::000000000000:role/codedeploy',
    clusterName: 'default',
    serviceName: 'web',
    targetGroupPair: ['blue', 'green'],
    productionListenerArn: production,
    ...(withTest && { testListenerArn: testing }),
    readyOption: its.readyOption,
    termination: its.termination,
    autoRollback: its.autoRollback,
    alarms: its.alarms,
    recorded: {},
    createdAt: now,
    tags: [],
  }
  const network = stateWith({
    loadBalancers: [loadBalancer()],
    listeners: [
      listener({ arn: production, forward: onBlue }),
      listener({ arn: testing, port: 8080, forward: onBlue }),
    ],
    targetGroups: [targetGroup({ arn: blue, name: 'blue' }), targetGroup({ arn: green, name: 'green' })],
  })
  return applyChanges(network, network.revision + 1, [
    { table: 'services', key: serviceArn, value: service },
    { table: 'taskSets', key: first.arn, value: first },
    ...[oldVersion, newVersion].map(
      (arn): Change => ({ table: 'taskDefinitions', key: arn, value: taskDefinition(arn, now) }),
    ),
    { table: 'deploymentGroups', key: 'app/group', value: group },
    { table: 'deployments', key: its.id, value: its },
  ])
}

function newDeployment(now: number, extra: Partial<Deployment>): Deployment {
  return {
    id: deploymentId,
    applicationName: 'app',
    deploymentGroupName: 'group',
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    routing: { type: 'AllAtOnce' },
    creator: 'user',
    revision: { revisionType: 'AppSpecContent', content: '', sha256: '' },
    appSpec: { taskDefinitionArn: newVersion, containerName: 'web', containerPort: 8080, hooks: {} },
    readyOption: { action: 'CONTINUE_DEPLOYMENT', waitMinutes: 0 },
    termination: { action: 'TERMINATE', waitMinutes: 5 },
    autoRollback: [],
    alarms: { names: [], ignorePollAlarmFailure: false },
    status: 'Created',
    createdAt: now,
    events: lifecycleEventNames.map(name => ({ name, status: 'Pending' })),
    progress: { step: 'BeforeInstall', since: now, shifted: 0 },
    asked: {},
    ...extra,
  }
}

function taskDefinition(arn: string, now: number): TaskDefinition {
  const container = {
    name: 'web',
    image: 'web',
    entryPoint: [],
    command: [],
    environment: {},
    portMappings: [{ containerPort: 8080, protocol: 'tcp' as const }],
    stopTimeoutMs: 30_000,
  }
  return {
    arn,
    family: 'web',
    revision: Number(arn.split(':').at(-1)),
    status: 'ACTIVE',
    containers: [container],
    registered: {},
    registeredAt: now,
    tags: [],
  }
}
