import { type NetlinkMessages, NLM_F_CREATE } from '../netlink/netlink-message.ts'
import type { Element, FieldType, NftSet, Slots, Verdict } from '../ruleset.ts'
import { putData, putMessage, putVerdict } from './attributes.ts'
import { fieldBytes, fieldShapes, fieldsLength } from './field-type.ts'
import * as nf from './nf-tables.ts'
import { elementNotes, setNotes } from './notes.ts'

/*
 * Sets and maps as messages to the kernel, with the notes that the nft program leaves for itself, so that it lists them as
 * if they were its own.
 */

/**
 * The set without its content.
 * @param id any number that no other set of the transaction has
 */
export function putSet(m: NetlinkMessages, table: string, set: NftSet, id: number): void {
  putMessage(m, nf.NFT_MSG_NEWSET, NLM_F_CREATE, () => {
    m.text(nf.NFTA_SET_TABLE, table)
    m.text(nf.NFTA_SET_NAME, set.name)
    m.u32(nf.NFTA_SET_FLAGS, setFlags(set))
    m.u32(nf.NFTA_SET_KEY_TYPE, datatypeOf(set.key))
    m.u32(nf.NFTA_SET_KEY_LEN, fieldsLength(set.key))
    if (set.data === 'verdict') m.u32(nf.NFTA_SET_DATA_TYPE, nf.NFT_DATA_VERDICT)
    else if (set.data !== undefined) {
      m.u32(nf.NFTA_SET_DATA_TYPE, datatypeOf(set.data))
      m.u32(nf.NFTA_SET_DATA_LEN, fieldsLength(set.data))
    }
    m.u32(nf.NFTA_SET_ID, id)
    m.nest(nf.NFTA_SET_DESC, () => {
      const size = sizeOf(set)
      if (size !== undefined) m.u32(nf.NFTA_SET_DESC_SIZE, size)
      if (isConcatenatedRange(set)) m.nest(nf.NFTA_SET_DESC_CONCAT, () => putFieldLengths(m, set.key))
    })
    if (set.dynamic !== undefined) m.u64(nf.NFTA_SET_TIMEOUT, BigInt(set.dynamic.timeoutSeconds) * 1000n)
    if (set.counters === true) m.nest(nf.NFTA_SET_EXPR, () => putCounterExpression(m))
    m.bytes(nf.NFTA_SET_USERDATA, setNotes(set))
  })
}

/** The kernel refuses (`EBUSY`) while a rule refers to it. */
export function deleteSet(m: NetlinkMessages, table: string, name: string): void {
  putMessage(m, nf.NFT_MSG_DELSET, 0, () => {
    m.text(nf.NFTA_SET_TABLE, table)
    m.text(nf.NFTA_SET_NAME, name)
  })
}

/** Deletes the set's elements. */
export function flushSet(m: NetlinkMessages, table: string, name: string): void {
  putMessage(m, nf.NFT_MSG_DELSETELEM, 0, () => {
    m.text(nf.NFTA_SET_ELEM_LIST_TABLE, table)
    m.text(nf.NFTA_SET_ELEM_LIST_SET, name)
  })
}

/**
 * An element that is there with the same value stays as it is, its comment and its counter too; one with another value is
 * refused (`EEXIST`): delete it before, in the same transaction.
 */
export function putElements(m: NetlinkMessages, table: string, set: NftSet, elements: Iterable<Element>): void {
  inMessages(m, nf.NFT_MSG_NEWSETELEM, table, set.name, elements, element => {
    putElement(m, set, element, isEndless => {
      putValue(m, set, element.value)
      const notes = elementNotes(element.comment, isEndless)
      if (notes.length > 0) m.bytes(nf.NFTA_SET_ELEM_USERDATA, notes)
    })
  })
}

/** By their keys; the kernel refuses (`ENOENT`) one that is not there. */
export function deleteElements(
  m: NetlinkMessages,
  table: string,
  set: NftSet,
  elements: Iterable<Pick<Element, 'key' | 'to'>>,
): void {
  inMessages(m, nf.NFT_MSG_DELSETELEM, table, set.name, elements, element => {
    putElement(m, set, element, () => {})
  })
}

/**
 * Slots and their marks, and the digest of all as one slot more.
 * @param only these slots; without it all
 */
export function putSlots(
  m: NetlinkMessages,
  table: string,
  { name }: NftSet,
  { marks, digest }: Slots,
  only?: ArrayLike<number>,
): void {
  const count = only?.length ?? marks.length
  inChunks(m, nf.NFT_MSG_NEWSETELEM, table, name, count + 1, wordsOfSlot, (words, at, i) => {
    const slot = i === count ? marks.length : (only?.[i] ?? i)
    words.set(slotTemplate, at)
    words[at + 3] = slot
    words[at + 6] = i === count ? digest : (marks[slot] ?? 0)
  })
}

/** The same slots, and the digest, of what `putSlots` put. */
export function deleteSlots(
  m: NetlinkMessages,
  table: string,
  { name }: NftSet,
  { marks }: Pick<Slots, 'marks'>,
  only?: ArrayLike<number>,
): void {
  const count = only?.length ?? marks.length
  inChunks(m, nf.NFT_MSG_DELSETELEM, table, name, count + 1, wordsOfSlotKey, (words, at, i) => {
    words.set(slotKeyTemplate, at)
    words[at + 3] = i === count ? marks.length : (only?.[i] ?? i)
  })
}

/** The element's key as the kernel has it, in latin1; where keys are ranges, the first and the last (inclusive) one. */
export function keyText(set: NftSet, { key, to }: Pick<Element, 'key' | 'to'>): string {
  const first = fieldBytes(set.key, key, set.interval).toString('latin1')
  if (set.interval !== true) return first
  return first + (to === undefined ? first : fieldBytes(set.key, to, true).toString('latin1'))
}

/** The element's value as the kernel has it, in latin1; a verdict as `goto CHAIN`; nothing in a set. */
export function valueText({ data }: NftSet, { value }: Pick<Element, 'value'>): string {
  if (value === undefined || data === undefined) return ''
  return isVerdict(value) ? `${value.verdict} ${value.chain}` : valueBytes(data, value).toString('latin1')
}

/** NFTA_SET_FLAGS */
export function setFlags(set: NftSet): number {
  return (
    (set.interval === true ? nf.NFT_SET_INTERVAL : 0) |
    (isConcatenatedRange(set) ? nf.NFT_SET_CONCAT : 0) |
    (set.data === undefined ? 0 : nf.NFT_SET_MAP) |
    (set.dynamic === undefined ? 0 : nf.NFT_SET_TIMEOUT | nf.NFT_SET_EVAL)
  )
}

/**
 * At most so many elements, where that is known: the kernel then takes a hash table that never grows, which costs half. What
 * is deleted in the same transaction does not count.
 */
export function sizeOf({ dynamic, content }: NftSet): number | undefined {
  if (dynamic !== undefined) return dynamic.size
  return content !== 'shared' && 'marks' in content ? content.marks.length + 1 : undefined
}

/** NFTA_SET_KEY_TYPE, NFTA_SET_DATA_TYPE: nft's number for a type; for several, six bits each. */
export function datatypeOf(types: readonly FieldType[]): number {
  return types.reduce((number, type) => (number << 6) | fieldShapes[type].datatype, 0)
}

/**
 * Ranges of several fields have both ends in one element. A range of one field is two elements: its first key, and the
 * first key behind it, flagged; one that reaches the very last key (`isEndless`) has no second.
 */
function putElement(
  m: NetlinkMessages,
  set: NftSet,
  { key, to }: Pick<Element, 'key' | 'to'>,
  content: (isEndless: boolean) => void,
): void {
  const last = set.interval === true ? fieldBytes(set.key, to ?? key, true) : undefined
  const isPair = last !== undefined && !isConcatenatedRange(set)
  const behind = isPair ? successor(last) : undefined
  m.nest(nf.NFTA_LIST_ELEM, () => {
    putData(m, nf.NFTA_SET_ELEM_KEY, fieldBytes(set.key, key, set.interval))
    if (last !== undefined && !isPair) putData(m, nf.NFTA_SET_ELEM_KEY_END, last)
    content(isPair && behind === undefined)
  })
  if (behind === undefined) return
  m.nest(nf.NFTA_LIST_ELEM, () => {
    putData(m, nf.NFTA_SET_ELEM_KEY, behind)
    m.u32(nf.NFTA_SET_ELEM_FLAGS, nf.NFT_SET_ELEM_INTERVAL_END)
  })
}

function putValue(m: NetlinkMessages, { data }: NftSet, value: Element['value']): void {
  if (value === undefined || data === undefined) return
  if (!isVerdict(value)) putData(m, nf.NFTA_SET_ELEM_DATA, valueBytes(data, value))
  else putVerdict(m, nf.NFTA_SET_ELEM_DATA, value.verdict === 'jump' ? nf.NFT_JUMP : nf.NFT_GOTO, value.chain)
}

function isVerdict(value: NonNullable<Element['value']>): value is Verdict {
  return 'verdict' in value
}

function valueBytes(data: NonNullable<NftSet['data']>, value: readonly (string | number)[]): Buffer {
  if (data === 'verdict') throw new Error('the map is one to verdicts')
  return fieldBytes(data, value)
}

function putFieldLengths(m: NetlinkMessages, types: readonly FieldType[]): void {
  for (const type of types) m.nest(nf.NFTA_LIST_ELEM, () => m.u32(nf.NFTA_SET_FIELD_LEN, fieldShapes[type].length))
}

function putCounterExpression(m: NetlinkMessages): void {
  m.text(nf.NFTA_EXPR_NAME, 'counter')
  m.nest(nf.NFTA_EXPR_DATA, () => {})
}

function isConcatenatedRange({ interval, key }: NftSet): boolean {
  return interval === true && key.length > 1
}

/** The next key in order; `undefined` behind the last of all. */
function successor(key: Buffer): Buffer | undefined {
  const next = Buffer.from(key)
  for (let i = next.length - 1; i >= 0; i--) {
    next[i]! += 1
    if (next[i] !== 0) return next
  }
  return undefined
}

/** As many messages as it takes: an attribute's length has 16 bits, and all elements of a message are in one. */
function inMessages<T>(
  m: NetlinkMessages,
  type: number,
  table: string,
  set: string,
  items: Iterable<T>,
  put: (item: T) => void,
): void {
  const iterator = items[Symbol.iterator]()
  let next = iterator.next()
  while (next.done !== true) {
    putElementList(m, type, table, set, () => {
      for (const start = m.length; next.done !== true && m.length - start < attributeLimit; next = iterator.next())
        put(next.value)
    })
  }
}

/** The same for elements that are all of one length, without a call for each of their attributes: there may be a million. */
function inChunks(
  m: NetlinkMessages,
  type: number,
  table: string,
  set: string,
  count: number,
  wordsOfEach: number,
  write: (words: Uint32Array, at: number, index: number) => void,
): void {
  const most = Math.floor(attributeLimit / (4 * wordsOfEach))
  for (let first = 0; first < count; first += most) {
    const words = new Uint32Array(Math.min(most, count - first) * wordsOfEach)
    for (let at = 0; at < words.length; at += wordsOfEach) write(words, at, first + at / wordsOfEach)
    putElementList(m, type, table, set, () => m.written(new Uint8Array(words.buffer)))
  }
}

function putElementList(m: NetlinkMessages, type: number, table: string, set: string, elements: () => void): void {
  const flags = type === nf.NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0
  putMessage(m, type, flags, () => {
    m.text(nf.NFTA_SET_ELEM_LIST_TABLE, table)
    m.text(nf.NFTA_SET_ELEM_LIST_SET, set)
    m.nest(nf.NFTA_SET_ELEM_LIST_ELEMENTS, elements)
  })
}

const attributeLimit = 60_000

const nested = 0x8000
const header = (type: number, length: number) => ((type << 16) | length) >>> 0
/** A slot as an element, to be filled in: its number is the fourth word, its mark the seventh. */
const slotTemplate = Uint32Array.of(
  header(nf.NFTA_LIST_ELEM | nested, 28),
  header(nf.NFTA_SET_ELEM_KEY | nested, 12),
  header(nf.NFTA_DATA_VALUE, 8),
  0,
  header(nf.NFTA_SET_ELEM_DATA | nested, 12),
  header(nf.NFTA_DATA_VALUE, 8),
  0,
)
const wordsOfSlot = slotTemplate.length
const slotKeyTemplate = Uint32Array.of(header(nf.NFTA_LIST_ELEM | nested, 16), ...slotTemplate.subarray(1, 4))
const wordsOfSlotKey = slotKeyTemplate.length
