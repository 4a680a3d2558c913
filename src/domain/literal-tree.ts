import { lowerCase } from './wildcard.ts'

/**
 * Values under literals, found by a text in one walk along it, however many literals there are: a radix tree. A path's literals are
 * compared from the front; a host's from the back, whatever their case.
 */
export class LiteralTree<Value> {
  readonly #root = new Branch<Value>('')
  readonly #ofHosts: boolean

  constructor(of: 'paths' | 'hosts') {
    this.#ofHosts = of === 'hosts'
  }

  /**
   * The value of this literal, made if there is none yet.
   * @param whole only a text that is the literal finds it; otherwise all that begin with it do, or, with hosts, end with it
   */
  at(literal: string, whole: boolean, make: () => Value): Value {
    const branch = this.#root.grow(this.#ofHosts ? [...literal.toLowerCase()].reverse().join('') : literal)
    const value = (whole ? branch.whole : branch.start) ?? make()
    if (whole) branch.whole = value
    else branch.start = value
    return value
  }

  /**
   * Writes the values whose literals fit the text between the positions into `found`, the shortest literal's first, and answers how
   * many they are. Allocates nothing but what `found` grows by.
   */
  find(text: string, begin: number, end: number, found: Value[]): number {
    let count = 0
    let taken = 0
    const length = end - begin
    for (let branch: Branch<Value> | undefined = this.#root; branch !== undefined; ) {
      const label: string = branch.label
      if (label.length > length - taken) return count
      for (let i = 0; i < label.length; i++, taken++) {
        if (label.charCodeAt(i) !== this.#code(text, begin, end, taken)) return count
      }
      if (branch.start !== undefined) found[count++] = branch.start
      if (taken === length) {
        if (branch.whole !== undefined) found[count++] = branch.whole
        return count
      }
      branch = branch.branches.get(this.#code(text, begin, end, taken))
    }
    return count
  }

  /** The character code number `i` in the order of comparison. */
  #code(text: string, begin: number, end: number, i: number): number {
    return this.#ofHosts ? lowerCase(text.charCodeAt(end - 1 - i)) : text.charCodeAt(begin + i)
  }
}

class Branch<Value> {
  label: string
  /** By the first character code of their labels. */
  branches = new Map<number, Branch<Value>>()
  whole: Value | undefined
  start: Value | undefined

  constructor(label: string) {
    this.label = label
  }

  /** The branch at the end of `text`, counted from this one's end. */
  grow(text: string): Branch<Value> {
    if (text === '') return this
    const next = this.branches.get(text.charCodeAt(0))
    if (next === undefined) {
      const leaf = new Branch<Value>(text)
      this.branches.set(text.charCodeAt(0), leaf)
      return leaf
    }
    let same = 1
    while (same < next.label.length && next.label[same] === text[same]) same++
    if (same < next.label.length) next.#splitAt(same)
    return next.grow(text.slice(same))
  }

  /** What was this branch becomes the only one of what it shares with others. */
  #splitAt(length: number): void {
    const rest = new Branch<Value>(this.label.slice(length))
    rest.branches = this.branches
    rest.whole = this.whole
    rest.start = this.start
    this.label = this.label.slice(0, length)
    this.branches = new Map([[rest.label.charCodeAt(0), rest]])
    this.whole = undefined
    this.start = undefined
  }
}
