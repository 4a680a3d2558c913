import type { HookAnswer } from '../deployment/hooks.ts'
import { type Deployments, openDeployments } from '../deployment/runner.ts'
import { expiredRegistrations } from '../domain/registrations.ts'
import type { State } from '../domain/state.ts'
import type { Timing } from '../domain/timing.ts'
import { commit } from '../store/commit.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { Store } from '../store/store.ts'
import { openScheduler, type Scheduler } from '../tasks/scheduler.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { type Api, apiOf } from './api.ts'
import { chanceOf } from './chance.ts'
import { SimulatedNode } from './node.ts'
import { SimulatedTasks } from './tasks.ts'

/** Of built-in designs; that of a running server has its own. */
export const account = '000000000000'
export const region = 'us-east-1'

/** A whole Sluice on virtual time: the real store, API, scheduler, deployments and loop; tasks, checks and packets are simulated. */
export interface World {
  readonly clock: VirtualClock
  readonly store: Store
  readonly node: SimulatedNode
  readonly tasks: SimulatedTasks
  readonly api: Api
  /** What can only be a bug, once it has come to that: then nothing that is seen means anything. */
  readonly fault: string | undefined
  close(): Promise<void>
}

interface WorldOptions {
  /** What has been asked for, and has been so for long: its tasks run, and its targets are well. */
  readonly state: State
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly timing: Timing
  /** Of tasks' starts and of ids. */
  readonly seed: number
}

/** Lines for an operator, who is not there: what goes wrong shows in what comes of it. */
const unheard = () => {}

const hostAddresses = { own: ['127.0.0.1'], range: '198.18.0.0/15', ipv6Range: 'fd00::/64' }

/** Opens it as a start on a data directory does that holds `state`. */
export async function openWorld({ state, now, timing, seed }: WorldOptions): Promise<World> {
  const [, , , itsRegion = region, itsAccount = account] = state.loadBalancers.keys().next().value?.split(':') ?? []
  const clock = new VirtualClock(now, 1)
  const chance = chanceOf(seed)
  const store = openMemoryStore(state)
  let tasks: SimulatedTasks | undefined
  const node = new SimulatedNode({ store, clock, timing, answers: address => tasks?.answers(address) ?? true })
  const scheduler: Scheduler = await openScheduler({
    store,
    clock,
    health: key => node.health(key),
    hasApplied: revision => (node.applied()?.revision ?? 0) >= revision,
    onReport: listener => node.onReport(listener),
    openRuntime: onEvent => {
      tasks = new SimulatedTasks(clock, chance, state, onEvent)
      return tasks
    },
    ids: chance,
    log: unheard,
  })
  const deployments: Deployments = openDeployments({
    store,
    clock,
    feed: node,
    timing,
    hooks: async (): Promise<HookAnswer> => ({ answer: 'Succeeded' }),
    ids: chance,
    log: unheard,
  })
  let fault: string | undefined
  clock.every(5_000, () => {
    commit(store, state => expiredRegistrations(state, clock.now())).catch(error => {
      fault ??= String(error)
    })
  })
  const api = apiOf({
    store,
    clock,
    account: itsAccount,
    region: itsRegion,
    hostAddresses: () => hostAddresses,
    health: key => node.health(key),
    ids: chance,
  })
  return {
    clock,
    store,
    node,
    tasks: tasks!,
    api,
    get fault() {
      return node.fault ?? fault
    },
    async close() {
      await deployments.close()
      await scheduler.leave()
      await node.stop()
      await store.close()
    },
  }
}
