import type { NetlinkMessages } from '../netlink/netlink-message.ts'
import type { Element, NftSet } from '../ruleset.ts'
import {
  deleteElements,
  deleteSet,
  deleteSlots,
  flushSet,
  keyText,
  putElements,
  putSet,
  putSlots,
} from './encode-set.ts'
import {
  deleteChain,
  deleteCounter,
  deleteTimeout,
  flushChain,
  putChain,
  putCounter,
  putRule,
  putTimeout,
} from './encode-table.ts'
import { elementText, type Piece, type PieceOf } from './piece.ts'
import type { Step } from './steps.ts'
import type { Change } from './wanted.ts'

/**
 * Writes what makes the kernel have a step's pieces, in the place of what they were: whoever reads them meanwhile finds,
 * by the kernel's transactions, the one or the other.
 */
export function putStep(m: NetlinkMessages, table: string, step: Step): void {
  const [{ piece, was, isNew }] = step
  switch (piece.kind) {
    case 'counter':
      putCounter(m, table, piece.name)
      break
    case 'timeout':
      putTimeout(m, table, piece.timeout)
      break
    case 'set':
      putSet(m, table, piece.set, m.count)
      break
    case 'chain':
      putChain(m, table, piece.chain)
      break
    case 'rules':
      putRules(m, table, piece, isNew)
      break
    case 'element':
      replaceElements(m, table, piece.set, elementsOf(step.filter(({ was }) => was !== undefined)), elementsOf(step))
      break
    case 'content':
      putContent(m, table, piece, was?.kind === 'content' ? was : undefined, isNew)
      break
    case 'slots':
      putSlotsPiece(m, table, piece, was?.kind === 'slots' ? was : undefined, isNew)
      break
  }
}

/** Writes what takes the piece away. What a set holds goes with the set. */
export function deletePiece(m: NetlinkMessages, table: string, piece: Piece): void {
  switch (piece.kind) {
    case 'counter':
      deleteCounter(m, table, piece.name)
      break
    case 'timeout':
      deleteTimeout(m, table, piece.timeout)
      break
    case 'set':
      deleteSet(m, table, piece.set.name)
      break
    case 'chain':
      deleteChain(m, table, piece.chain.name)
      break
    case 'rules':
      flushChain(m, table, piece.chain.name)
      break
    case 'element':
      deleteElements(m, table, piece.set, [piece.element])
      break
  }
}

function putRules(m: NetlinkMessages, table: string, piece: PieceOf<'rules'>, isNew: boolean): void {
  const { name, rules } = piece.chain
  if (!isNew) flushChain(m, table, name)
  rules.forEach((rule, i) => {
    putRule(m, table, name, rule, piece.digests[i]!)
  })
}

function elementsOf(changes: readonly Change[]): readonly Element[] {
  return changes.flatMap(({ piece }) => (piece.kind === 'element' ? [piece.element] : []))
}

/** Ranges are put anew, all of them: one that grows would meet its neighbor. */
function putContent(
  m: NetlinkMessages,
  table: string,
  { set, elements }: PieceOf<'content'>,
  was: PieceOf<'content'> | undefined,
  isNew: boolean,
): void {
  if (was === undefined || set.interval === true) {
    if (!isNew) flushSet(m, table, set.name)
    putElements(m, table, set, elements)
    return
  }
  const [old, wanted] = [byKey(set, was.elements), byKey(set, elements)]
  replaceElements(m, table, set, othersThan(wanted, old), othersThan(old, wanted))
}

function putSlotsPiece(
  m: NetlinkMessages,
  table: string,
  { set, slots }: PieceOf<'slots'>,
  was: PieceOf<'slots'> | undefined,
  isNew: boolean,
): void {
  const { marks } = slots
  if (was?.slots.marks.length === marks.length) {
    const changed = [...marks.keys()].filter(slot => marks[slot] !== was.slots.marks[slot])
    // Beyond that, deleting them one by one costs more than to delete all at once.
    if (changed.length <= marks.length / 2) {
      deleteSlots(m, table, set, was.slots, changed)
      putSlots(m, table, set, slots, changed)
      return
    }
  }
  if (!isNew) flushSet(m, table, set.name)
  putSlots(m, table, set, slots)
}

function replaceElements(
  m: NetlinkMessages,
  table: string,
  set: NftSet,
  gone: readonly Element[],
  come: readonly Element[],
): void {
  if (gone.length > 0) deleteElements(m, table, set, gone)
  if (come.length > 0) putElements(m, table, set, come)
}

function byKey(set: NftSet, elements: readonly Element[]): ReadonlyMap<string, Element & { readonly text: string }> {
  return new Map(
    elements.map(element => [keyText(set, element), { ...element, text: elementText(set, element) }] as const),
  )
}

/** Those of `elements` that `others` has not, or has otherwise. */
function othersThan(
  others: ReadonlyMap<string, { readonly text: string }>,
  elements: ReadonlyMap<string, Element & { readonly text: string }>,
): readonly Element[] {
  return [...elements].flatMap(([key, element]) => (others.get(key)?.text === element.text ? [] : [element]))
}
