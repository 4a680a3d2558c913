import type { FieldType, NftSet } from '../ruleset.ts'
import { fieldShapes } from './field-type.ts'

/**
 * Notes that a program leaves with what it puts into the kernel, which keeps them and does not read them (NFTA_*_USERDATA):
 * a byte of type, one of length, and the value, as libnftnl has them.
 */
export function note(type: number, value: Uint8Array): Buffer {
  if (value.length > 255) throw new Error(`a note of ${value.length} bytes; 255 at most`)
  return Buffer.concat([Buffer.from([type, value.length]), value])
}

/** A number, in the CPU's order. */
export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** The value of the first note of this type. Shares the memory. */
export function findNote(notes: Buffer, type: number): Buffer | undefined {
  for (let at = 0; at + 2 <= notes.length; ) {
    const end = at + 2 + notes.readUInt8(at + 1)
    if (notes.readUInt8(at) === type && end <= notes.length) return notes.subarray(at + 2, end)
    at = end
  }
  return undefined
}

/** nft's notes for a set (`enum nftnl_udata_set_types` of libnftnl): in which byte order it is to show keys and data. */
export function setNotes(set: NftSet): Buffer {
  const { data } = set
  const order = (types: readonly FieldType[], ordered = false) =>
    types.length === 1 && !ordered && fieldShapes[types[0]!].hostOrder ? BYTEORDER_HOST_ENDIAN : BYTEORDER_BIG_ENDIAN
  return Buffer.concat([
    note(UDATA_SET_KEYBYTEORDER, word(order(set.key, set.interval))),
    ...(data === undefined || data === 'verdict' ? [] : [note(UDATA_SET_DATABYTEORDER, word(order(data)))]),
  ])
}

/** nft's notes for an element: its comment, and that a range without an end is meant to have none. */
export function elementNotes(comment: string | undefined, isEndless: boolean): Buffer {
  return Buffer.concat([
    ...(comment === undefined ? [] : [note(UDATA_COMMENT, Buffer.from(`${comment}\0`))]),
    ...(isEndless ? [note(UDATA_SET_ELEM_FLAGS, word(SET_ELEM_F_INTERVAL_OPEN))] : []),
  ])
}

/** nft's note for a table: its comment. */
export function tableNotes(comment: string): Buffer {
  return note(UDATA_COMMENT, Buffer.from(`${comment}\0`))
}

/** The comment in an element's NFTA_SET_ELEM_USERDATA, or a table's NFTA_TABLE_USERDATA. */
export function commentIn(userdata: Buffer): string | undefined {
  const text = findNote(userdata, UDATA_COMMENT)
  return text?.toString('utf8', 0, text.length - 1)
}

/** libnftnl/udata.h and nft's sources. */
const UDATA_SET_KEYBYTEORDER = 0
const UDATA_SET_DATABYTEORDER = 1
/** Of a table, and of an element. */
const UDATA_COMMENT = 0
const UDATA_SET_ELEM_FLAGS = 1
const SET_ELEM_F_INTERVAL_OPEN = 1
const BYTEORDER_HOST_ENDIAN = 1
const BYTEORDER_BIG_ENDIAN = 2
