import { mostAttempts } from '../domain/connect-rules.ts'
import type { SnapshotTarget } from '../domain/snapshot.ts'
import type { RuleAction } from '../domain/snapshot-http.ts'
import type { Front } from './front.ts'
import { chooseGroup } from './group-choice.ts'
import type { RequestHead, ResponseHead } from './head.ts'
import type { Site } from './site.ts'
import { hasTooManyAddresses } from './target-head.ts'
import type { TargetPool } from './target-pool.ts'
import type { Targets, WorkingGroup } from './targets.ts'

/** The way of one request to a target: its group, and the targets tried. One object serves a client's connection. */
export class TargetSearch {
  readonly targets: Targets
  group: WorkingGroup | undefined
  /** Those tried, in their order; the last one is that of the answer. */
  readonly tried: SnapshotTarget[] = []
  readonly #front: Front
  #site: Site
  /** Keys of targets that are not to be tried any more. */
  readonly #keys: string[] = []
  /** Key of the target that the request's cookie names. */
  #named: string | undefined

  constructor(front: Front) {
    this.#front = front
    this.#site = front.site
    this.targets = front.targets
  }

  /** `SnapshotGroup.id` of the group that was chosen. */
  get groupId(): string {
    return this.group?.snapshot.id ?? ''
  }

  /** Another request begins. */
  restart(site: Site): void {
    this.#site = site
    this.group = undefined
    this.tried.length = 0
    this.#keys.length = 0
    this.#named = undefined
  }

  /** Chooses the group. @returns the status to answer with where there is no way on, else 0 */
  enter(action: RuleAction, head: RequestHead): 0 | 463 | 464 | 503 {
    if (hasTooManyAddresses(head)) return 463
    const { cookies } = this.#site
    const { now } = this.#front
    const stuckTo = action.stickySeconds === undefined ? undefined : cookies.groupOf(head, now)
    const routed = chooseGroup(action.forward, this.targets.random, stuckTo)
    const group = routed && this.targets.group(routed.group)
    if (group === undefined) return 503
    this.group = group
    if (group.snapshot.http!.protocolVersion !== 'HTTP1') return 464
    this.#named = cookies.targetOf(head, group.snapshot, now)
    return 0
  }

  /** The next target, to which the request counts as under way: `lost` or `ended` follows. `undefined`: there is no other. */
  next(): TargetPool | undefined {
    if (this.#keys.length === mostAttempts) return undefined
    const { snapshot, balancer } = this.group!
    const target = this.#stuckTo() ?? balancer.choose(this.#front.now, this.#keys, this.targets.isAvoided)
    if (target === undefined) return undefined
    const { port, address } = this.#site.listener
    // A listener that is its own target would send everything round for ever.
    if (target.port === port && target.address === address) return undefined
    this.#keys.push(target.key)
    this.tried.push(target)
    balancer.began(target.key)
    return this.targets.pool(target, snapshot.tls === true)
  }

  /** This target it is that has the request now. */
  settleOn({ key }: SnapshotTarget): void {
    const at = this.tried.findLastIndex(tried => tried.key === key)
    if (at >= 0 && at < this.tried.length - 1) this.tried.push(...this.tried.splice(at, 1))
  }

  /** The target that had the request has it no more. @param failed no answer, or a 5xx */
  ended(target: SnapshotTarget, failed: boolean): void {
    this.group!.balancer.ended(target.key, failed, this.#front.now)
  }

  /** The request is to be sent again: all targets may be tried again. */
  startOver(): void {
    this.#keys.length = 0
  }

  /** How TLS is spoken with targets: the listener's policy says it. */
  get listenerPolicy(): string | undefined {
    return this.#site.listener.tls?.sslPolicy
  }

  /** Values of Set-Cookie fields that keep the client with this target and this group. */
  cookies(answer: ResponseHead, target: SnapshotTarget, { stickySeconds }: RuleAction): readonly string[] {
    const { snapshot } = this.group!
    const { stickiness, targetGroupArn } = snapshot.http!
    if (stickiness === undefined && stickySeconds === undefined) return none
    const { cookies, listener } = this.#site
    const { now } = this.#front
    const overTls = listener.tls !== undefined
    const forTarget =
      stickiness === undefined ? none : cookies.forTarget(snapshot, target.key, this.#named, answer, overTls, now)
    if (stickySeconds === undefined) return forTarget
    return [...forTarget, ...cookies.forGroup(targetGroupArn, stickySeconds, overTls, now)]
  }

  /** The target that the client's cookie names, where that is tried first. */
  #stuckTo(): SnapshotTarget | undefined {
    if (this.#named === undefined || this.#keys.length > 0) return undefined
    const target = this.group!.balancer.serving(this.#named)
    return target === undefined || this.targets.suspects.has(target.key) ? undefined : target
  }
}

const none: readonly string[] = []
