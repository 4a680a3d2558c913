import { parseAddress } from '../../../domain/cidr.ts'
import {
  holdsFlows,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
  type SnapshotTarget,
} from '../../../domain/snapshot.ts'
import type { MarkedTarget } from '../marks.ts'
import { baseOf, groupName, nameOfGroup } from '../names.ts'
import {
  statusSeenReply,
  TCP,
  type TrackedFlow,
  tcpClose,
  tcpSynRecv,
  tcpSynSent,
  tcpTimeWait,
} from './conntrack-entry.ts'

/**
 * What becomes of a flow. `wait`: it stays for `patienceMs`, in which an answer may come. `forget`: its entry goes, and its next
 * packet is a new flow's first. `reset`: its entry goes, and both its ends are to hear of it.
 */
export type Verdict = 'keep' | 'wait' | 'forget' | 'reset'

/** What flows are judged by. */
export interface Situation {
  /** Its listeners are those that the kernel serves; its groups may be more. */
  readonly snapshot: Pick<Snapshot, 'listeners' | 'groups'>
  /** `SnapshotListener.id` of those that another engine serves: what is established stays here. */
  readonly elsewhere: ReadonlySet<string>
  /** Who has this mark. */
  targetOf(mark: number): MarkedTarget | undefined
  /** False as long as the snapshot may lack what has not been heard of yet: what it lacks is not gone then. */
  readonly isComplete: boolean
}

/** A target that has a mark, as the snapshot has it. */
export interface JudgedTarget {
  readonly its: MarkedTarget
  /** `its.address` */
  readonly bytes: Uint8Array
  /** `undefined`: no group of the snapshot has it. */
  readonly mode: SnapshotTarget['mode'] | undefined
}

/** A flow's target as new flows of the same listener would find it. */
interface Present {
  /** `groupName`; `undefined`: the listener has its group no more. */
  readonly group: string | undefined
  readonly mode: JudgedTarget['mode']
}

/** A SYN, or a first datagram, may be on its way for so long before its target counts as one that does not answer. As userspace. */
export const patienceMs = 250

/**
 * Which flows must go after a snapshot, the same ones that userspace ends. UDP follows the route: a flow goes when its target
 * is cut or gone, or its listener routes to its target's group no more; there, one without an answer has a moment to get it. A
 * TCP connection goes when its target is cut or its listener gone, and outlives everything else; only a SYN that a target
 * without new flows does not answer is forgotten, so that the client's next one finds another target.
 */
export class Judge {
  readonly #snapshot: Situation['snapshot']
  readonly #listeners: ReadonlyMap<string, SnapshotListener>
  readonly #elsewhere: ReadonlySet<string>
  readonly #isComplete: boolean
  readonly #markedTarget: Situation['targetOf']
  /** Of those that were asked for: there are thousands of which nobody asks. */
  readonly #targets = new Map<number, JudgedTarget | undefined>()
  /** Those whose view is gone, by listener and mark. */
  readonly #moved = new Map<string, Present>()
  readonly #routes = new Map<SnapshotListener, ReadonlySet<string>>()
  #groups: ReadonlyMap<string, SnapshotGroup> | undefined

  constructor({ snapshot, elsewhere, targetOf, isComplete }: Situation) {
    this.#snapshot = snapshot
    this.#listeners = new Map(snapshot.listeners.map(listener => [listener.id, listener]))
    this.#elsewhere = elsewhere
    this.#isComplete = isComplete
    this.#markedTarget = targetOf
  }

  /** @param unansweredMs for how long it has been seen without an answer */
  verdict(flow: TrackedFlow, unansweredMs: number): Verdict {
    return flow.protocol === TCP ? this.#ofConnection(flow, unansweredMs) : this.#ofUdp(flow, unansweredMs)
  }

  /**
   * False: a flow of another program, whose marks begin like ours by chance. It goes to no target that its mark stands for, and
   * was to no listener.
   */
  isOurs(flow: TrackedFlow): boolean {
    if (this.#targetOf(flow) !== undefined) return true
    return this.#listeners.has(flow.listener) || this.#elsewhere.has(flow.listener)
  }

  targetOf(mark: number): JudgedTarget | undefined {
    return this.#targets.getOrInsertComputed(mark, () => {
      const its = this.#markedTarget(mark)
      if (its === undefined) return undefined
      return { its, bytes: parseAddress(its.address) ?? new Uint8Array(), mode: this.#modeIn(its.group, its) }
    })
  }

  #groupNamed(name: string): SnapshotGroup | undefined {
    this.#groups ??= groupsByName.getOrInsertComputed(this.#snapshot.groups, byName)
    return this.#groups.get(name)
  }

  #modeIn(group: string, its: MarkedTarget): JudgedTarget['mode'] {
    const members = this.#groupNamed(group)?.targets
    return members?.find(({ address, port }) => address === its.address && port === its.port)?.mode
  }

  /** Of the mark, if that is where the flow goes: an entry may be older than our table, whose marks began anew. */
  #targetOf({ mark, reply }: TrackedFlow): JudgedTarget | undefined {
    const target = this.targetOf(mark)
    if (target === undefined || target.its.port !== reply.sourcePort) return undefined
    return Buffer.compare(target.bytes, reply.source) === 0 ? target : undefined
  }

  /** Where the listener's new flows go, by `groupName`; `undefined` where there is no such listener. */
  #routeOf(id: string): ReadonlySet<string> | undefined {
    const listener = this.#listeners.get(id)
    return listener && this.#routes.getOrInsertComputed(listener, routedGroups)
  }

  /**
   * The flow's target in its listener's view of its group: the view that chose it, or where zones were joined or parted since
   * (cross-zone load balancing), the one that took its place.
   */
  #present(flow: TrackedFlow): Present {
    const target = this.#targetOf(flow)
    if (target === undefined || this.#groupNamed(target.its.group) !== undefined)
      return { group: target?.its.group, mode: target?.mode }
    return this.#moved.getOrInsertComputed(`${flow.listener} ${flow.mark}`, () => {
      const { route = [], protocol = 'TCP' } = this.#listeners.get(flow.listener) ?? {}
      const group = route
        .map(({ group }) => groupName(group, protocol))
        .find(name => baseOf(name) === baseOf(target.its.group))
      return { group, mode: group === undefined ? undefined : this.#modeIn(group, target.its) }
    })
  }

  #ofUdp(flow: TrackedFlow, unansweredMs: number): Verdict {
    const { listener, status } = flow
    const { group, mode } = this.#present(flow)
    if (mode === 'cut' || this.#elsewhere.has(listener)) return 'forget'
    const groups = this.#routeOf(listener)
    if (groups === undefined || group === undefined || mode === undefined) return this.#isComplete ? 'forget' : 'keep'
    if (groups.has(group)) return 'keep'
    return (status & statusSeenReply) === 0 && unansweredMs < patienceMs ? 'wait' : 'forget'
  }

  #ofConnection(flow: TrackedFlow, unansweredMs: number): Verdict {
    const { listener, tcpState } = flow
    if (tcpState === tcpTimeWait || tcpState === tcpClose) return 'keep'
    const isOpening = tcpState === tcpSynSent || tcpState === tcpSynRecv
    const { mode } = this.#present(flow)
    if (mode === 'cut') return isOpening ? 'forget' : 'reset'
    if (this.#isComplete && !this.#listeners.has(listener) && !this.#elsewhere.has(listener))
      return isOpening ? 'forget' : 'reset'
    // A target that has answered lives: forgotten now, the client's ACK under way would be met with a reset.
    if (mode === 'serve' || tcpState !== tcpSynSent || (mode === undefined && !this.#isComplete)) return 'keep'
    return unansweredMs >= patienceMs ? 'forget' : 'wait'
  }
}

/** How a target's flows go, for the question whether its replies come back. */
export interface Answers {
  /** Nothing has come back yet (TCP: SYN_SENT). */
  readonly unanswered: number
  readonly answered: number
}

/** One look at every flow: what becomes of each, and what stays, counted. */
export class Sweep {
  readonly #judge: Judge
  readonly #now: number
  readonly #seenBefore: ReadonlyMap<number, number>
  /** When a flow that has a moment left to be answered was first seen so, by the entry's id. */
  readonly #unanswered = new Map<number, number>()
  readonly #byListener = new Map<string, number>()
  readonly #byTarget = new Map<number, number>()
  readonly #answers = new Map<number, { unanswered: number; answered: number }>()

  /** @param now monotonic milliseconds @param before the last one */
  constructor(judge: Judge, now: number, before?: Sweep) {
    this.#judge = judge
    this.#now = now
    this.#seenBefore = before === undefined ? new Map() : before.#unanswered
  }

  see(flow: TrackedFlow): Exclude<Verdict, 'wait'> {
    if (!this.#judge.isOurs(flow)) return 'keep'
    const since = this.#seenBefore.get(flow.id) ?? this.#now
    const verdict = this.#judge.verdict(flow, this.#now - since)
    if (verdict === 'forget' || verdict === 'reset') return verdict
    if (verdict === 'wait') this.#unanswered.set(flow.id, since)
    const isAnswered = (flow.status & statusSeenReply) !== 0
    const answers = this.#answers.getOrInsertComputed(flow.mark, () => ({ unanswered: 0, answered: 0 }))
    if (isAnswered) answers.answered++
    else answers.unanswered++
    if (flow.tcpState === tcpTimeWait || flow.tcpState === tcpClose) return 'keep'
    const { listener, mark } = flow
    this.#byListener.set(listener, (this.#byListener.get(listener) ?? 0) + 1)
    this.#byTarget.set(mark, (this.#byTarget.get(mark) ?? 0) + 1)
    return 'keep'
  }

  /** Whether there are flows that another sweep, `patienceMs` from now, may have to forget. */
  get isAwaiting(): boolean {
    return this.#unanswered.size > 0
  }

  /** Active flows by `SnapshotListener.id`. TCP: all that are not over (TIME_WAIT, CLOSE). */
  get byListener(): ReadonlyMap<string, number> {
    return this.#byListener
  }

  /** The same by mark. */
  get byTarget(): ReadonlyMap<number, number> {
    return this.#byTarget
  }

  /** By mark, flows that are over included. */
  get answers(): ReadonlyMap<number, Answers> {
    return this.#answers
  }
}

function byName(groups: readonly SnapshotGroup[]): ReadonlyMap<string, SnapshotGroup> {
  const protocols = ['TCP', 'UDP'] as const
  return new Map(groups.flatMap(group => protocols.map(protocol => [nameOfGroup(group, protocol), group] as const)))
}

const groupsByName = new WeakMap<readonly SnapshotGroup[], ReadonlyMap<string, SnapshotGroup>>()

function routedGroups({ route, protocol }: SnapshotListener): ReadonlySet<string> {
  return new Set(route.filter(holdsFlows).map(({ group }) => groupName(group, protocol)))
}
