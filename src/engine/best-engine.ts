import { isDeepStrictEqual } from 'node:util'
import { sameItems } from '../domain/memo.ts'
import { emptySnapshot, groupIdsOf, groupsById, type Snapshot, type SnapshotListener } from '../domain/snapshot.ts'
import { BindProblems } from './bind-problem.ts'
import { sumListeners, sumTargets } from './counters.ts'
import type { Applied, Engine, Fallback, KernelEngine, Observed, Problem } from './engine.ts'
import { LocalRange } from './local-range.ts'
import type { Ports } from './ports.ts'

interface BestEngineOptions {
  /** Or why this process can't use the kernel's, in one line for the operator: userspace serves everything then. */
  readonly kernel: KernelEngine | string
  readonly userspace: Engine
  /** Hold the ports of what the kernel serves. */
  readonly ports: Ports
  /** As LocalRange's. */
  neighbors?(): Promise<readonly string[] | undefined>
  /** One line for the operator. */
  log(line: string): void
}

export interface BestEngine extends Engine {
  /**
   * Ends this process's part and leaves in place what works without it: what the kernel serves, and local addresses. Ports that
   * were only held are free for the next process. Userspace is not touched: when this process exits, its workers give their
   * ports back and finish what is established.
   */
  leave(): Promise<void>
}

/**
 * Serves each listener by the best engine that can: the kernel, else userspace, and says why not the kernel. Makes addresses
 * of the local ranges this host's own before anything is bound to them.
 */
export function openBestEngine(options: BestEngineOptions): BestEngine {
  return new ComposedEngine(options)
}

/**
 * A listener that changes engines loses nothing. From the kernel to userspace: userspace listens before the kernel's rules go,
 * and what was established stays in the kernel. From userspace to the kernel: new flows go to the kernel, whose rules come
 * before any socket, and userspace keeps the listener for as long as there is one. So clients between handshake and `accept`,
 * established connections and replies under way are served to their end, and its sockets hold the port.
 */
class ComposedEngine implements BestEngine {
  readonly #kernel: KernelEngine | undefined
  readonly #whyNoKernel: string
  readonly #userspace: Engine
  readonly #ports: Ports
  readonly #localRange: LocalRange
  #revision = 0
  #fallbacks: readonly Fallback[] = []
  /** The listeners of `#fallbacks`, and those that speak TLS or HTTP: no change of this host would put them into the kernel. */
  #refused: ReadonlySet<string> = new Set()
  /** Listeners that are or were in place in userspace, and that it still has. */
  #inUserspace: ReadonlySet<string> = new Set()
  /** What each engine was told last, and what userspace said to it. */
  #kernelShare = emptySnapshot
  #userspaceShare = emptySnapshot
  #userspaceProblems: readonly Problem[] = []
  readonly #bindProblems = new BindProblems()

  constructor(options: BestEngineOptions) {
    const { kernel, userspace, ports } = options
    this.#kernel = typeof kernel === 'string' ? undefined : kernel
    this.#whyNoKernel = typeof kernel === 'string' ? kernel : ''
    this.#userspace = userspace
    this.#ports = ports
    this.#localRange = new LocalRange(options)
  }

  async apply(desired: Snapshot): Promise<Applied> {
    await this.#localRange.prepare(desired.listeners.map(({ address }) => address))
    const kernel = this.#kernel
    await kernel?.prepare(desired)
    this.#ask(desired)
    if (kernel === undefined) return { ...(await this.#userspace.apply(desired)), fallbacks: this.#fallbacks }

    const { revision, listeners } = desired
    const forUserspace = listeners.filter(({ id }) => this.#refused.has(id) || this.#inUserspace.has(id))
    const forKernel = listeners.filter(({ id }) => !this.#refused.has(id))
    const taken = this.#ports.hold(forKernel.filter(({ id }) => !this.#inUserspace.has(id)))
    // A port that another program has goes to neither engine: the kernel would take that program's packets without a word.
    const free = taken.size === 0 ? forKernel : forKernel.filter(({ id }) => !taken.has(id))

    this.#ports.release(id => this.#refused.has(id))
    await this.#applyToUserspace(desired, forUserspace)
    this.#kernelShare = share(this.#kernelShare, { ...desired, listeners: free })
    const applied = await kernel.apply(this.#kernelShare, this.#refused)
    const inKernel = new Set(free.map(({ id }) => id))
    this.#ports.release(id => !inKernel.has(id))

    this.#revision = revision
    const problems = [
      ...(await this.#bindProblems.of(listeners, taken)),
      ...this.#userspaceProblems,
      ...applied.problems,
    ]
    return { revision, problems, fallbacks: this.#fallbacks }
  }

  async observe(): Promise<Observed> {
    const ofUserspace = await this.#userspace.observe()
    if (this.#kernel === undefined) return ofUserspace
    const ofKernel = await this.#kernel.observe()
    return {
      revision: this.#revision,
      listeners: [...sumListeners([...ofUserspace.listeners, ...ofKernel.listeners]).values()],
      targets: [...sumTargets([...ofUserspace.targets, ...ofKernel.targets]).values()],
      guards: ofKernel.guards ?? [],
      ...(ofKernel.flowTable && { flowTable: ofKernel.flowTable }),
    }
  }

  async close(drainMs?: number): Promise<void> {
    await Promise.all([this.#kernel?.close(drainMs), this.#userspace.close(drainMs)])
    this.#ports.close()
    await this.#localRange.close()
  }

  async leave(): Promise<void> {
    await this.#kernel?.leave()
    this.#ports.close()
  }

  /** Which listeners the kernel can't take. */
  #ask({ listeners, groups }: Snapshot): void {
    const byId = groupsById(groups)
    const fallbacks: Fallback[] = []
    const refused = new Set<string>()
    for (const listener of listeners) {
      if (listener.tls !== undefined || listener.http !== undefined) {
        refused.add(listener.id)
        continue
      }
      const reason = this.#kernel === undefined ? this.#whyNoKernel : this.#kernel.refusal(listener, byId)
      if (reason === undefined) continue
      fallbacks.push({ listener: listener.id, listenerArn: listener.listenerArn, reason })
      refused.add(listener.id)
    }
    if (refused.symmetricDifference(this.#refused).size > 0) this.#refused = refused
    if (!isDeepStrictEqual(fallbacks, this.#fallbacks)) this.#fallbacks = fallbacks
  }

  /** Only where something is new for it, or is to be tried again: it goes through all that it serves, in every worker. */
  async #applyToUserspace({ revision, groups }: Snapshot, listeners: readonly SnapshotListener[]): Promise<void> {
    const routed = new Set(listeners.flatMap(groupIdsOf))
    const itsGroups = groups.filter(({ id }) => routed.has(id))
    const its = share(this.#userspaceShare, { revision, listeners, groups: itsGroups, guards: [] })
    if (its === this.#userspaceShare && this.#userspaceProblems.length === 0) return
    const { problems } = await this.#userspace.apply(its)
    this.#userspaceShare = its
    this.#userspaceProblems = problems
    const failed = new Set(problems.map(({ listener }) => listener))
    const before = this.#inUserspace
    this.#inUserspace = new Set(listeners.map(({ id }) => id).filter(id => before.has(id) || !failed.has(id)))
  }
}

/** `next`, or `last` itself where an engine would see no difference, and the last one's own lists where those are the same. */
function share(last: Snapshot, next: Snapshot): Snapshot {
  const listeners = sameItems(last.listeners, next.listeners) ? last.listeners : next.listeners
  const groups = sameItems(last.groups, next.groups) ? last.groups : next.groups
  const guards = sameItems(last.guards, next.guards) ? last.guards : next.guards
  const isSame = listeners === last.listeners && groups === last.groups && guards === last.guards
  return isSame ? last : { revision: next.revision, listeners, groups, guards }
}
