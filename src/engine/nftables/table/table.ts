import { setImmediate } from 'node:timers/promises'
import { Netlink } from '../netlink/netlink.ts'
import type { Element, NftSet, Ruleset } from '../ruleset.ts'
import { Batch, blamed, type Rejection } from './batch.ts'
import { deleteElements } from './encode-set.ts'
import { elementPiece, type Piece, setId } from './piece.ts'
import { deletePiece, putStep } from './put-piece.ts'
import { type Count, readElements, readSlot } from './read-set.ts'
import { readCounters, readTable } from './read-table.ts'
import { deletionsOf, type Step, stepsOf } from './steps.ts'
import { TableHold } from './table-hold.ts'
import { type Change, Wanted } from './wanted.ts'

export interface Counters {
  readonly named: ReadonlyMap<string, Count>
  /** Of a set that counts. */
  of(set: string): Iterable<Count & { readonly key: Element['key'] }>
}

/**
 * One table of the kernel's nftables, made equal to one ruleset after the other and otherwise left alone. While it is open
 * nobody else may change it; when this process dies it stays, and the next one takes it over.
 *
 * Calls do not overlap: none may be made before `apply` is through.
 */
export class KernelTable {
  readonly #name: string
  readonly #log: (line: string) => void
  readonly #netlink: Netlink
  readonly #hold: TableHold
  readonly #found = new Map<string, readonly Element[]>()
  #installed = new Map<string, Piece>()
  #wanted: Wanted
  /** What is there is in the way, and goes in the transaction that brings what is wanted. */
  #isReplacing = false

  /**
   * Takes over the table of this name, or makes it.
   * @param comment of a table that is made, for whoever lists it
   * @param owner false: without keeping others from changing it; they are not kept either where the kernel is older than 6.9,
   *   or where the table was made without
   * @throws NetlinkError `EPERM` without the privilege; an error that says so where a living process has the table; `ENOSYS`
   *   where there is no netlink
   */
  static async open(options: {
    readonly name: string
    readonly comment?: string
    readonly log: (line: string) => void
    readonly owner?: boolean
  }): Promise<KernelTable> {
    const netlink = await Netlink.open()
    try {
      return new KernelTable(netlink, options)
    } catch (error) {
      netlink.close()
      throw error
    }
  }

  private constructor(netlink: Netlink, { name, comment, log, owner = true }: Parameters<typeof KernelTable.open>[0]) {
    this.#netlink = netlink
    this.#name = name
    this.#log = log
    this.#hold = new TableHold(netlink, name, owner, comment)
    if (owner && !this.#hold.isOwned) log(`kernel: nothing keeps other programs from changing the table '${name}'`)
    for (const piece of readTable(netlink, name)) {
      this.#installed.set(piece.id, piece)
      if (piece.kind === 'content') this.#found.set(piece.set.name, piece.elements)
    }
    this.#wanted = new Wanted(this.#installed)
  }

  /** It was there when this process came. */
  get isAdopted(): boolean {
    return this.#hold.isAdopted
  }

  /** What was in the set when this process came; not of slots, nor of what rules add. */
  elements(set: string): readonly Element[] {
    return this.#found.get(set) ?? []
  }

  /**
   * Puts what is new in the ruleset and changes what is otherwise. It deletes nothing that anything may still use: what is
   * not wanted any more is left for `prune`. All is in the kernel at once, except that what is too much for one transaction
   * without blocking this process goes ahead as far as nothing leads to it yet.
   *
   * @returns the parts that the kernel refused, and why: each of them is as it was before, if it was there. They are tried
   *   again by the next call.
   * @throws NetlinkError for what is no part's fault; nothing was changed then that the next call would not put right
   */
  async apply(ruleset: Ruleset): Promise<ReadonlyMap<string, Error>> {
    let errors = await inTurns(this.#wanted.want(ruleset))
    for (let round = 0; round < mostRounds; round++) {
      this.#recognize()
      const changes = this.#wanted.changes(this.#installed)
      const inTheWay = changes.find(({ piece, was }) => was !== undefined && isFixed(piece))
      if (inTheWay !== undefined) {
        this.#log(`kernel: ${inTheWay.piece.id} was of another kind; the table '${this.#name}' is made anew`)
        this.#forget()
        this.#isReplacing = true
        errors = await inTurns(this.#wanted.want(ruleset))
        continue
      }
      const rejections = await this.#put(changes)
      if (rejections.length === 0) return errors
      if (!this.isThere()) {
        this.remake()
        errors = await inTurns(this.#wanted.want(ruleset))
        continue
      }
      for (const [part, error] of blamed(rejections)) {
        if (!errors.has(part)) errors.set(part, error)
        this.#wanted.refuse(part)
      }
    }
    throw new Error(`the kernel refuses the rules in ever other places: ${[...errors.values()].at(-1)?.message}`)
  }

  /**
   * Deletes what nobody has wanted since before the last `apply`, except what something still refers to: that stays for the
   * next time. Not in the same turn as `apply`: a packet that is just on its way may be between the old and the new.
   */
  prune(): void {
    let deletions = deletionsOf(this.#wanted.leftovers(this.#installed))
    for (let round = 0; round < mostRounds && deletions.length > 0; round++) {
      const batch = new Batch<string>()
      for (const { piece, unit } of deletions) batch.add(unit, m => deletePiece(m, this.#name, piece))
      const rejections = batch.isEmpty ? [] : batch.send(this.#netlink)
      if (rejections.length === 0) {
        for (const { piece } of deletions) this.#installed.delete(piece.id)
        return
      }
      const kept = blamed(rejections)
      for (const { piece, unit } of deletions) if (isGone(kept.get(unit))) this.#installed.delete(piece.id)
      deletions = deletions.filter(({ unit }) => !kept.has(unit))
    }
  }

  /** All counters of the table as they are now. */
  counters(): Counters {
    return {
      named: readCounters(this.#netlink, this.#name),
      of: name => {
        const set = this.#setNamed(name)
        if (set === undefined) return []
        return readElements(this.#netlink, this.#name, set).map(({ key, count }) => ({
          key,
          packets: count?.packets ?? 0,
          bytes: count?.bytes ?? 0,
        }))
      },
    }
  }

  /** The marks that rules have added to a set since the last call. */
  takeMarks(name: string): readonly number[] {
    const set = this.#setNamed(name)
    if (set === undefined) return []
    const elements = readElements(this.#netlink, this.#name, set)
    let rest = elements
    while (rest.length > 0) {
      const batch = new Batch<Element>()
      // A message each, to learn which of them have run out meanwhile.
      for (const element of rest) batch.add(element, m => deleteElements(m, this.#name, set, [element]))
      const gone = blamed(batch.send(this.#netlink))
      rest = gone.size === 0 ? [] : rest.filter(element => !gone.has(element))
    }
    return elements.map(({ key }) => Number(key[0]))
  }

  /** False once somebody has deleted the table. */
  isThere(): boolean {
    return this.#hold.isThere()
  }

  /** After that: makes the table again, empty; the next `apply` puts everything back. */
  remake(): void {
    this.#forget()
    // Somebody restored a copy: it serves until the next `apply` puts the right one into its place.
    this.#isReplacing = this.#hold.remake() === 'found'
  }

  /** Removes the table and ends its use. */
  destroy(): void {
    try {
      this.#hold.delete()
    } finally {
      this.close()
    }
  }

  /** Leaves the table as it is, for the next process. */
  close(): void {
    this.#netlink.close()
  }

  #forget(): void {
    this.#installed = new Map()
    this.#wanted = new Wanted(this.#installed)
  }

  /** Brings what this process found in the table into the form in which it is wanted. */
  #recognize(): void {
    for (const content of this.#wanted.foundShared(this.#installed)) {
      this.#installed.delete(content.id)
      for (const element of content.elements) {
        const piece = elementPiece(content.set, element)
        this.#installed.set(piece.id, piece)
        this.#wanted.found(piece.id)
      }
    }
    for (const piece of this.#wanted.unknownSlots(this.#installed)) {
      const { marks, digest } = piece.slots
      if (readSlot(this.#netlink, this.#name, piece.set, marks.length) === digest >>> 0)
        this.#installed.set(piece.id, piece)
    }
  }

  async #put(changes: readonly Change[]): Promise<readonly Rejection<string>[]> {
    const obsolete = this.#wanted.obsoleteRanges(this.#installed)
    if (changes.length === 0 && obsolete.length === 0 && !this.#isReplacing) return []
    const { ahead, together } = stepsOf(changes)
    let transaction = this.#begin()
    for (const step of ahead) {
      if (transaction.batch.isLarge && !this.#isReplacing) {
        const rejections = this.#commit(transaction)
        if (rejections.length > 0) return rejections
        await setImmediate()
        transaction = this.#begin()
      }
      this.#add(transaction, step)
    }
    for (const piece of obsolete) transaction.batch.add(undefined, m => deletePiece(m, this.#name, piece))
    for (const step of together) this.#add(transaction, step)
    const rejections = this.#commit(transaction)
    if (rejections.length === 0) for (const { id } of obsolete) this.#installed.delete(id)
    return rejections
  }

  #begin(): Transaction {
    const batch = new Batch<string>()
    if (this.#isReplacing) batch.add(undefined, m => this.#hold.putAnew(m))
    return { batch, pieces: [] }
  }

  #add({ batch, pieces }: Transaction, step: Step): void {
    batch.add(step[0].part, m => putStep(m, this.#name, step))
    for (const { piece } of step) pieces.push(piece)
  }

  #commit({ batch, pieces }: Transaction): readonly Rejection<string>[] {
    const rejections = batch.send(this.#netlink)
    if (rejections.length > 0) return rejections
    for (const piece of pieces) {
      this.#installed.set(piece.id, piece)
      this.#wanted.put(piece.id)
    }
    if (this.#isReplacing) {
      this.#isReplacing = false
      this.#hold.recognize()
    }
    return []
  }

  #setNamed(name: string): NftSet | undefined {
    const piece = this.#installed.get(setId(name))
    return piece?.kind === 'set' ? piece.set : undefined
  }
}

interface Transaction {
  readonly batch: Batch<string>
  /** What the kernel has once it is through. */
  readonly pieces: Piece[]
}

/** Runs it to its end and lets others have a turn wherever it pauses. */
async function inTurns<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
    await setImmediate()
  }
}

/** What the kernel cannot make of another kind while it is in use. */
function isFixed({ kind }: Piece): boolean {
  return kind === 'set' || kind === 'chain'
}

function isGone(error: Rejection<string>['error'] | undefined): boolean {
  return error?.code === 'ENOENT'
}

/** Each takes at least one part, or one unit to delete, out of what is tried. */
const mostRounds = 10
