import type { Netlink } from '../netlink/netlink.ts'
import {
  type Attribute,
  attributesOf,
  bytesAt,
  eachAttribute,
  type NetlinkMessages,
  textAt,
} from '../netlink/netlink-message.ts'
import type { Element, FieldType, NftSet } from '../ruleset.ts'
import { putData } from './attributes.ts'
import { dumped, got } from './dump.ts'
import { fieldBytes, fieldShapes, fieldValues } from './field-type.ts'
import * as nf from './nf-tables.ts'
import { commentIn } from './notes.ts'

/** Bytes with their headers of layer 3. */
export interface Count {
  readonly packets: number
  readonly bytes: number
}

export interface FoundElement extends Element {
  /** In sets that count. */
  readonly count?: Count
}

/** The definitions of a table's sets; as if parts shared them, which the kernel does not know. */
export function readSets(netlink: Netlink, table: string): readonly NftSet[] {
  return dumped(netlink, nf.NFT_MSG_GETSET, table, readSet)
}

/** What is in a set. */
export function readElements(netlink: Netlink, table: string, set: NftSet): readonly FoundElement[] {
  const read = (view: DataView, attributes: ReadonlyMap<number, Attribute>): readonly KernelElement[] => {
    const list = attributes.get(nf.NFTA_SET_ELEM_LIST_ELEMENTS)
    if (list === undefined) return []
    const found: KernelElement[] = []
    const readOne = (_: number, at: number, length: number) => found.push(readElement(view, set, { at, length }))
    eachAttribute(view, readOne, list.at, list.at + list.length)
    return found
  }
  const itsName = (m: NetlinkMessages) => m.text(nf.NFTA_SET_ELEM_LIST_SET, set.name)
  const found = dumped(netlink, nf.NFT_MSG_GETSETELEM, table, read, itsName).flat()
  return set.interval === true && set.key.length === 1
    ? ranges(set, found)
    : found.map(element => decoded(set, element))
}

/** The mark in this slot of a map; `undefined`: there is none. */
export function readSlot(netlink: Netlink, table: string, set: NftSet, slot: number): number | undefined {
  const read = (view: DataView, attributes: ReadonlyMap<number, Attribute>) => {
    const list = inside(view, attributes.get(nf.NFTA_SET_ELEM_LIST_ELEMENTS))
    const element = inside(view, list.get(nf.NFTA_LIST_ELEM))
    return dataAt(view, element.get(nf.NFTA_SET_ELEM_DATA))?.readUInt32LE(0)
  }
  return got(netlink, nf.NFT_MSG_GETSETELEM, table, read, m => {
    m.text(nf.NFTA_SET_ELEM_LIST_SET, set.name)
    m.nest(nf.NFTA_SET_ELEM_LIST_ELEMENTS, () => {
      m.nest(nf.NFTA_LIST_ELEM, () => putData(m, nf.NFTA_SET_ELEM_KEY, fieldBytes(set.key, [slot])))
    })
  })
}

/** Of a counter in an element or on its own. */
export function readCount(view: DataView, data: Attribute | undefined): Count {
  const counted = inside(view, data)
  const number = (type: number) => Number(view.getBigUint64(counted.get(type)!.at))
  return { packets: number(nf.NFTA_COUNTER_PACKETS), bytes: number(nf.NFTA_COUNTER_BYTES) }
}

/** The attributes in an attribute. */
export function inside(view: DataView, outer: Attribute | undefined): ReadonlyMap<number, Attribute> {
  return outer === undefined ? new Map() : attributesOf(view, outer.at, outer.at + outer.length)
}

function readSet(view: DataView, found: ReadonlyMap<number, Attribute>): NftSet {
  const number = (type: number) => {
    const attribute = found.get(type)
    return attribute === undefined ? undefined : view.getUint32(attribute.at)
  }
  const name = textAt(view, found.get(nf.NFTA_SET_NAME)!)
  const flags = number(nf.NFTA_SET_FLAGS) ?? 0
  const dataType = (flags & nf.NFT_SET_MAP) === 0 ? undefined : number(nf.NFTA_SET_DATA_TYPE)
  const counts = found.has(nf.NFTA_SET_EXPR)
  const timeout = found.get(nf.NFTA_SET_TIMEOUT)
  const size = inside(view, found.get(nf.NFTA_SET_DESC)).get(nf.NFTA_SET_DESC_SIZE)
  return {
    name,
    key: fieldTypesOf(number(nf.NFTA_SET_KEY_TYPE) ?? 0),
    ...(dataType === undefined ? {} : { data: dataType === nf.NFT_DATA_VERDICT ? 'verdict' : fieldTypesOf(dataType) }),
    ...((flags & nf.NFT_SET_INTERVAL) === 0 ? {} : { interval: true }),
    ...(counts ? { counters: true } : {}),
    ...((flags & nf.NFT_SET_EVAL) === 0
      ? {}
      : {
          dynamic: {
            timeoutSeconds: timeout === undefined ? 0 : Number(view.getBigUint64(timeout.at)) / 1000,
            size: size === undefined ? 0 : view.getUint32(size.at),
          },
        }),
    content: 'shared',
  }
}

/** `datatypeOf`'s reverse; nothing where there is a type among them that no set of ours has. */
function fieldTypesOf(datatypes: number): readonly FieldType[] {
  const types: (FieldType | undefined)[] = []
  for (let rest = datatypes; rest !== 0; rest >>>= 6) types.unshift(typeByNumber.get(rest & 0x3f))
  return types.includes(undefined) ? [] : (types as FieldType[])
}

const typeByNumber = new Map(Object.entries(fieldShapes).map(([type, { datatype }]) => [datatype, type as FieldType]))

/** An element as the kernel has it: a range of one field is two of these, the second one (`isEnd`) behind its last key. */
interface KernelElement {
  readonly key: Buffer
  readonly last: Buffer | undefined
  readonly isEnd: boolean
  readonly rest: Omit<FoundElement, 'key' | 'to'>
}

function readElement(view: DataView, set: NftSet, at: Attribute): KernelElement {
  const found = inside(view, at)
  const flags = found.get(nf.NFTA_SET_ELEM_FLAGS)
  const last = dataAt(view, found.get(nf.NFTA_SET_ELEM_KEY_END))
  const value = readValue(view, set, found.get(nf.NFTA_SET_ELEM_DATA))
  const userdata = found.get(nf.NFTA_SET_ELEM_USERDATA)
  const comment = userdata === undefined ? undefined : commentIn(bytesAt(view, userdata))
  const counter = found.get(nf.NFTA_SET_ELEM_EXPR)
  return {
    // What is in the view will be overwritten.
    key: Buffer.from(dataAt(view, found.get(nf.NFTA_SET_ELEM_KEY)) ?? []),
    last: last === undefined ? undefined : Buffer.from(last),
    isEnd: flags !== undefined && (view.getUint32(flags.at) & nf.NFT_SET_ELEM_INTERVAL_END) !== 0,
    rest: {
      ...(value === undefined ? {} : { value }),
      ...(comment === undefined ? {} : { comment }),
      ...(counter === undefined || set.counters !== true
        ? {}
        : { count: readCount(view, inside(view, counter).get(nf.NFTA_EXPR_DATA)) }),
    },
  }
}

function readValue(view: DataView, { data }: NftSet, at: Attribute | undefined): Element['value'] {
  if (data !== 'verdict') {
    const bytes = data === undefined || data.length === 0 ? undefined : dataAt(view, at)
    return data === undefined || bytes === undefined ? undefined : fieldValues(data, bytes)
  }
  const verdict = inside(view, inside(view, at).get(nf.NFTA_DATA_VERDICT))
  const [code, chain] = [verdict.get(nf.NFTA_VERDICT_CODE), verdict.get(nf.NFTA_VERDICT_CHAIN)]
  if (code === undefined || chain === undefined) return undefined
  return { verdict: view.getInt32(code.at) === nf.NFT_JUMP ? 'jump' : 'goto', chain: textAt(view, chain) }
}

function dataAt(view: DataView, at: Attribute | undefined): Buffer | undefined {
  const value = inside(view, at).get(nf.NFTA_DATA_VALUE)
  return value === undefined ? undefined : bytesAt(view, value)
}

function decoded({ key: types, interval = false }: NftSet, { key, last, rest }: KernelElement): FoundElement {
  return {
    key: fieldValues(types, key, interval),
    ...(interval ? { to: fieldValues(types, last ?? key, true) } : {}),
    ...rest,
  }
}

/** Puts the two ends of each range together; one without an end goes up to the last key of all. */
function ranges(set: NftSet, found: readonly KernelElement[]): readonly FoundElement[] {
  const inOrder = [...found].sort((a, b) => a.key.compare(b.key) || Number(b.isEnd) - Number(a.isEnd))
  return inOrder.flatMap((element, i) => {
    if (element.isEnd) return []
    const next = inOrder[i + 1]
    const last = next === undefined ? Buffer.alloc(element.key.length, 0xff) : predecessor(next.key)
    return [decoded(set, { ...element, last })]
  })
}

/** The key before; there is one. */
function predecessor(key: Buffer): Buffer {
  const previous = Buffer.from(key)
  for (let i = previous.length - 1; i >= 0; i--) {
    previous[i]! -= 1
    if (previous[i] !== 0xff) break
  }
  return previous
}
