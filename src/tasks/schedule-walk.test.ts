import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EcsService } from '../domain/ecs-service.ts'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { targetGroup } from '../domain/state.fixture.ts'
import { targetKey } from '../domain/target-group.ts'
import { ownHealth } from '../domain/target-health.ts'
import type { Task } from '../domain/task.ts'
import { bounds } from './roll.ts'
import { ecsState, service, taskSet, World } from './service.fixture.ts'

/** What may happen to a service at any time: its API, its tasks, the node's checks. */
class Walk {
  readonly world: World
  readonly #random: (below: number) => number
  readonly #isRolling: boolean
  #revision = 1
  /** Tasks of these revisions end as soon as they run. */
  readonly #broken = new Set<number>()

  constructor(seed: number) {
    this.#random = randomFrom(seed)
    this.#isRolling = this.#random(4) > 0
    const { rolloutState, ...plain } = taskSet(1)
    const its = service({
      controller: this.#isRolling ? 'ECS' : 'CODE_DEPLOY',
      minimumHealthyPercent: this.#pick([0, 50, 100]),
      maximumPercent: this.#pick([150, 200]),
      circuitBreaker: { enable: this.#random(2) === 0, rollback: this.#random(2) === 0 },
      healthCheckGraceSeconds: this.#pick([0, 0, 5]),
    })
    const attributes = { 'deregistration_delay.timeout_seconds': String(this.#pick([0, 20])) }
    this.world = new World(
      ecsState({
        services: [its],
        taskSets: [this.#isRolling ? taskSet(1) : plain],
        groups: [targetGroup({ attributes })],
      }),
    )
  }

  step(): void {
    const { world } = this
    this.#something()
    const before = this.#healthy()
    const { service } = world
    world.pass()
    this.#check(service, before)
    // Nobody else's registrations, and nobody's who does not run.
    for (const { id, deregistration } of world.state.targetGroups.get('arn:tg')?.targets ?? []) {
      const owner = [...world.state.tasks.values()].find(({ address }) => address === id)
      if (deregistration === undefined) assert.equal(owner?.lastStatus, 'RUNNING', `${id} is registered`)
      if (owner?.lastStatus === 'STOPPING')
        assert.ok((deregistration?.until ?? Infinity) <= world.now, `${id} still drains`)
    }
    world.wait(this.#random(3) === 0 ? this.#random(30_000) : this.#random(1_500))
  }

  /** Nothing bad happens any more: whatever was started runs and is well. */
  calmDown(): void {
    this.#broken.clear()
    this.world.isNodeAway = false
    // With 150 % a service of one task can't be updated, as in AWS.
    this.world.put('services', { ...this.world.service, maximumPercent: 200 })
    for (let i = 0; i < 400 && !(i > 100 && this.isDone()); i++) {
      for (const task of this.world.tasks()) {
        if (task.lastStatus === 'PENDING') this.world.run(task)
        else if (task.lastStatus === 'RUNNING') this.world.judge(task, 'healthy')
        else if (task.lastStatus === 'STOPPING') this.world.end(task, 0)
      }
      this.world.pass()
      this.world.wait(2_000)
    }
  }

  isDone(): boolean {
    const { world } = this
    const sets = [...world.state.taskSets.values()]
    const primary = sets.find(({ status }) => status === 'PRIMARY')
    if (primary?.rolloutState === 'FAILED') return true
    return (
      sets.length === 1 && primary?.stabilityStatus === 'STEADY_STATE' && world.tasks().length === primary.desiredCount
    )
  }

  #something(): void {
    const { world } = this
    const task = this.#pick(world.tasks())
    const what = this.#random(12)
    if (what === 0) this.#setCount(this.#random(6))
    else if (what === 1 && this.#isRolling && this.#random(3) === 0) this.#update()
    else if (what === 2 && task) world.end(task)
    else if (what === 3 && task) world.judge(task, 'unhealthy')
    else if (what === 4 && task) world.judge(task, this.#pick(['unheard', 'initial']))
    else if (what === 5 && task) world.put('tasks', { ...task, desiredStatus: 'STOPPED' })
    else if (what === 6) world.isNodeAway = !world.isNodeAway
    else this.#work()
  }

  /** The runtime and the node get on with what they have to do. */
  #work(): void {
    const { world } = this
    for (const task of world.tasks()) {
      if (this.#random(2) === 0) continue
      if (task.lastStatus === 'PENDING') {
        if (this.#broken.has(Number(task.startedBy?.split('/')[1]))) world.end(task)
        else world.run(task, this.#pick(['healthy', 'initial']))
      } else if (task.lastStatus === 'STOPPING') world.end(task, 0)
      else if (task.lastStatus === 'RUNNING' && this.#random(3) > 0) world.judge(task, 'healthy')
    }
  }

  #setCount(desiredCount: number): void {
    const { world } = this
    world.put('services', { ...world.service, desiredCount })
    if (this.#isRolling) return
    const set = world.set(1) ?? assert.fail()
    world.put('taskSets', { ...set, desiredCount })
  }

  #update(): void {
    const { world } = this
    const primary = [...world.state.taskSets.values()].find(({ status }) => status === 'PRIMARY')
    if (primary) world.put('taskSets', { ...primary, status: 'ACTIVE' })
    this.#revision++
    if (this.#random(3) === 0) this.#broken.add(this.#revision)
    const { desiredCount } = world.service
    world.put('taskSets', taskSet(this.#revision, { desiredCount, createdAt: world.now }))
  }

  /** The tasks that the scheduler can know to be healthy. */
  #healthy(): readonly Task[] {
    const { world } = this
    const group = world.state.targetGroups.get('arn:tg')
    return world.tasks().filter(task => {
      const key = targetKey('arn:tg', { id: task.address ?? '', port: 8080 })
      const registered = group?.targets.find(({ id, deregistration }) => id === task.address && !deregistration)
      const isLive = task.desiredStatus === 'RUNNING' && task.lastStatus === 'RUNNING'
      return isLive && registered && ownHealth(registered, world.known.get(key))?.verdict === 'healthy'
    })
  }

  #check(before: EcsService, healthy: readonly Task[]): void {
    const { world } = this
    const { minimum, maximum } = bounds(before)
    const live = world.tasks().filter(({ desiredStatus }) => desiredStatus === 'RUNNING').length
    assert.ok(live <= maximum, `${live} tasks, ${maximum} at most`)
    const isStopped = healthy.some(({ arn }) => world.state.tasks.get(arn)?.desiredStatus === 'STOPPED')
    const left = this.#healthy().length
    assert.ok(!isStopped || left >= minimum, `one of ${healthy.length} healthy ones is stopped, and ${left} are left`)
  }

  #pick<T>(list: readonly [T, ...T[]]): T
  #pick<T>(list: readonly T[]): T | undefined
  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#random(list.length)]
  }
}

const seed = anySeed()

test(`whatever happens, the minimum is kept where it can be, and in quiet times all is as asked for (seed ${seed})`, () => {
  for (let i = 0; i < 30; i++) {
    const walk = new Walk(seed + i)
    try {
      for (let step = 0; step < 120; step++) walk.step()
      walk.calmDown()
      assert.ok(
        walk.isDone(),
        `it does not settle: ${JSON.stringify([...walk.world.state.taskSets.values()], null, 1)}`,
      )
    } catch (error) {
      throw new Error(`seed ${seed + i}: ${walk.world.events().slice(-10).join('\n')}`, { cause: error })
    }
  }
})
