/** A target as one target group's view has it. The mark is in every conntrack entry of a flow to it. */
export interface MarkedTarget {
  readonly mark: number
  /** `groupName` of its view. */
  readonly group: string
  readonly address: string
  readonly port: number
}

/**
 * Numbers that stand for targets and groups in the kernel: a mark's top byte is this Sluice's own, the rest is given out in
 * order and not again before all others were. The kernel's table is their only record: `adopt` takes them from there.
 */
export class Marks {
  /** Of every mark of ours, and what it is compared under. */
  readonly prefix: number
  readonly mask = 0xff000000
  readonly #targets = new Map<string, MarkedTarget>()
  readonly #groups = new Map<string, number>()
  readonly #byMark = new Map<number, MarkedTarget>()
  readonly #groupNumbers = new Set<number>()
  #lastTarget = 0
  #lastGroup = 0

  /** @param number 1 ... 254, one for each Sluice of a host */
  constructor(number: number) {
    this.prefix = (number << 24) >>> 0
  }

  /** The target's mark, the same for as long as it is known. */
  ofTarget(group: string, address: string, port: number): number {
    const key = keyOf(group, address, port)
    const known = this.#targets.get(key)
    if (known !== undefined) return known.mark
    const number = nextFree(this.#lastTarget, number => this.#byMark.has(this.prefix + number))
    this.#lastTarget = number
    const mark = this.prefix + number
    this.#remember({ mark, group, address, port })
    return mark
  }

  /** What stands for a group where weights choose one; never equal to a target's mark. */
  ofGroup(group: string): number {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    const number = nextFree(this.#lastGroup, number => this.#groupNumbers.has(number))
    this.#lastGroup = number
    this.#groupNumbers.add(number)
    const mark = this.prefix + firstGroup + number
    this.#groups.set(group, mark)
    return mark
  }

  targetOf(mark: number): MarkedTarget | undefined {
    return this.#byMark.get(mark)
  }

  /** All that have a mark, those that no snapshot names any more among them. */
  targets(): Iterable<MarkedTarget> {
    return this.#byMark.values()
  }

  adoptTarget(target: MarkedTarget): void {
    this.#remember(target)
    this.#lastTarget = Math.max(this.#lastTarget, target.mark - this.prefix)
  }

  adoptGroup(group: string, mark: number): void {
    const number = mark - this.prefix - firstGroup
    this.#groups.set(group, mark)
    this.#groupNumbers.add(number)
    this.#lastGroup = Math.max(this.#lastGroup, number)
  }

  /** Once no flow has the mark any more. */
  forgetTarget(mark: number): void {
    const target = this.#byMark.get(mark)
    if (target === undefined) return
    this.#byMark.delete(mark)
    this.#targets.delete(keyOf(target.group, target.address, target.port))
  }

  forgetGroup(group: string): void {
    const mark = this.#groups.get(group)
    if (mark === undefined) return
    this.#groups.delete(group)
    this.#groupNumbers.delete(mark - this.prefix - firstGroup)
  }

  #remember(target: MarkedTarget): void {
    this.#targets.set(keyOf(target.group, target.address, target.port), target)
    this.#byMark.set(target.mark, target)
  }
}

/** Targets have the numbers below, groups those above. */
const firstGroup = 0x800000

function keyOf(group: string, address: string, port: number): string {
  return `${group} ${address} ${port}`
}

function nextFree(last: number, isTaken: (number: number) => boolean): number {
  let number = last
  do number = (number % (firstGroup - 1)) + 1
  while (isTaken(number))
  return number
}
