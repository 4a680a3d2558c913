import { sameItems } from '../../domain/memo.ts'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import type { MarkedTarget, Marks } from './marks.ts'
import { nameOfGroup } from './names.ts'

/**
 * A target that left every target group keeps its mark while it has flows, and for as long as late replies of them may come:
 * the longest that conntrack remembers an idle UDP flow (AWS: 120 s).
 */
const afterlifeMs = 120_000

/** Keeps account of which marks the snapshot names, and of those that it names no more. */
export class RetiredTargets {
  readonly #marks: Marks
  /** What each group's view held in the last snapshot, by name. */
  readonly #views = new Map<string, { readonly group: SnapshotGroup; readonly marks: ReadonlySet<number> }>()
  /** Monotonic milliseconds of each one's retirement, by mark. */
  readonly #since = new Map<number, number>()
  #groups: readonly SnapshotGroup[] = []
  #list: readonly MarkedTarget[] = []

  /** All that `marks` knows already were taken over, and retire unless the first snapshot names them. */
  constructor(marks: Marks, now: number) {
    this.#marks = marks
    for (const { mark } of marks.targets()) this.#since.set(mark, now)
  }

  /** Takes note of the snapshot's groups, each with its listeners' protocol. @returns who is retired; the same array if nothing changed */
  update(groups: ReadonlyMap<SnapshotGroup, SnapshotListener['protocol']>, now: number): readonly MarkedTarget[] {
    let isChanged = this.#list.length !== this.#since.size
    const list = [...groups.keys()]
    if (!isChanged && sameItems(this.#groups, list)) return this.#list
    this.#groups = list
    const named = new Set<string>()
    for (const [group, protocol] of groups) {
      const name = nameOfGroup(group, protocol)
      named.add(name)
      const before = this.#views.get(name)
      if (before?.group === group) continue
      const marks = new Set(group.targets.map(({ address, port }) => this.#marks.ofTarget(name, address, port)))
      this.#views.set(name, { group, marks })
      for (const mark of marks) isChanged = this.#since.delete(mark) || isChanged
      for (const mark of before?.marks ?? []) {
        if (marks.has(mark)) continue
        this.#since.set(mark, now)
        isChanged = true
      }
    }
    for (const [name, { marks }] of this.#views) {
      if (named.has(name)) continue
      this.#views.delete(name)
      for (const mark of marks) this.#since.set(mark, now)
      isChanged = true
    }
    if (isChanged) this.#list = [...this.#since.keys()].flatMap(mark => this.#marks.targetOf(mark) ?? [])
    return this.#list
  }

  /** Lets go of those that are retired long enough and have no flow. @param flows by mark @returns whether any went */
  release(flows: ReadonlyMap<number, number>, now: number): boolean {
    let isAny = false
    for (const [mark, since] of this.#since) {
      if (now - since < afterlifeMs || (flows.get(mark) ?? 0) > 0) continue
      this.#since.delete(mark)
      this.#marks.forgetTarget(mark)
      isAny = true
    }
    return isAny
  }
}
