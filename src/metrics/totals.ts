import type { State } from '../domain/state.ts'
import { targetGroupOf } from '../domain/target-group.ts'
import { sumListeners, sumTargets } from '../engine/counters.ts'
import type { ListenerCounters, TargetCounters } from '../engine/engine.ts'

/**
 * What listeners and target groups have counted in all, so that no total falls: not when a target or an address is gone, nor when the
 * node counts from nothing again.
 */
export class Totals {
  readonly #listeners = new Sums<ListenerCounters>(sumListeners, its => ({ ...its, listener: its.listenerArn }))
  readonly #groups = new Sums<TargetCounters>(sumTargets, its => ({ ...its, target: targetGroupOf(its.target) }))

  /** Takes in what the node counts now. @returns by the ARN of the listener, of those that `state` has */
  listeners(counters: readonly ListenerCounters[], state: State): ReadonlyMap<string, ListenerCounters> {
    return this.#listeners.take(new Map(counters.map(its => [its.listener, its])), state.listeners)
  }

  /** As `listeners`. @returns by the ARN of the target group */
  groups(counters: readonly TargetCounters[], state: State): ReadonlyMap<string, TargetCounters> {
    return this.#groups.take(new Map(counters.map(its => [its.target, its])), state.targetGroups)
  }
}

class Sums<C extends ListenerCounters | TargetCounters> {
  readonly #sum: (counters: Iterable<C>) => ReadonlyMap<string, C>
  readonly #asOwner: (counters: C) => C
  #current: ReadonlyMap<string, C> = new Map()
  /** By owner: of those that are gone, or began anew. */
  #past: ReadonlyMap<string, C> = new Map()

  constructor(sum: (counters: Iterable<C>) => ReadonlyMap<string, C>, asOwner: (counters: C) => C) {
    this.#sum = sum
    this.#asOwner = asOwner
  }

  take(current: ReadonlyMap<string, C>, owners: ReadonlyMap<string, unknown>): ReadonlyMap<string, C> {
    const over = [...this.#current].filter(([key, before]) => isOver(before, current.get(key)))
    const sumOfOwners = (counters: readonly C[]) =>
      new Map([...this.#sum(counters)].filter(([owner]) => owners.has(owner)))
    this.#past = sumOfOwners([...this.#past.values(), ...over.map(([, its]) => ended(this.#asOwner(its)))])
    this.#current = current
    return sumOfOwners([...this.#past.values(), ...[...current.values()].map(this.#asOwner)])
  }
}

type Counters = ListenerCounters | TargetCounters

function isOver(before: Counters, now: Counters | undefined): boolean {
  if (now === undefined) return true
  return now.newFlows < before.newFlows || now.bytesIn < before.bytesIn || now.bytesOut < before.bytesOut
}

/** Without what is only true at the time. */
function ended<C extends Counters>(counters: C): C {
  const { http } = counters
  const activeHttp = http && 'anomalous' in http ? { activeRequests: 0, anomalous: 0 } : { activeRequests: 0 }
  return { ...counters, activeFlows: 0, ...(http && { http: { ...http, ...activeHttp } }) }
}
