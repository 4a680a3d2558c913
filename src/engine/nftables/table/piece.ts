import type { Chain, Element, NftSet, Part, Slots, Timeout } from '../ruleset.ts'
import { keyText, valueText } from './encode-set.ts'
import { ruleDigest } from './encode-table.ts'

/**
 * The smallest thing of a table that is compared, counted, put and deleted. A set and what it holds are two pieces, a chain
 * and its rules too, because what refers to them needs them there before they are full.
 */
export type Piece = {
  /** Its kind and name: one piece of an id can be in a table. */
  readonly id: string
  /** Pieces of one id with the same text are the same to the kernel. */
  readonly text: string
} & (
  | { readonly kind: 'counter'; readonly name: string }
  | { readonly kind: 'timeout'; readonly timeout: Timeout }
  | { readonly kind: 'set'; readonly set: NftSet }
  | { readonly kind: 'chain'; readonly chain: Chain }
  /** All that is in a set of one part's own. */
  | { readonly kind: 'content'; readonly set: NftSet; readonly elements: readonly Element[] }
  | { readonly kind: 'slots'; readonly set: NftSet; readonly slots: Slots }
  /** One of a set that several parts fill. */
  | { readonly kind: 'element'; readonly set: NftSet; readonly element: Element }
  | { readonly kind: 'rules'; readonly chain: Chain; readonly digests: readonly number[] }
)

export type PieceOf<Kind extends Piece['kind']> = Extract<Piece, { readonly kind: Kind }>

/**
 * What a part brings.
 * @param setNamed the sets that parts share
 * @throws where the part is not one that the kernel could take: an unknown set, no address where one belongs
 */
export function piecesOf(part: Part, setNamed: (name: string) => NftSet | undefined): readonly Piece[] {
  return [
    ...part.counters.map(counterPiece),
    ...part.timeouts.map(timeoutPiece),
    ...part.sets.flatMap(set => [setPiece(set), ...contentPieces(set)]),
    ...part.chains.flatMap(chain => [chainPiece(chain), rulesPiece(chain, chain.rules.map(ruleDigest))]),
    ...part.elements.map(element => {
      const set = setNamed(element.set)
      if (set === undefined) throw new Error(`there is no set '${element.set}'`)
      return elementPiece(set, element)
    }),
  ]
}

export function counterPiece(name: string): PieceOf<'counter'> {
  return { kind: 'counter', id: `counter ${name}`, text: '', name }
}

/** Its name says all that it is: the kernel changes no timeout in place. */
export function timeoutPiece(timeout: Timeout): PieceOf<'timeout'> {
  return { kind: 'timeout', id: `timeout ${timeout.name}`, text: '', timeout }
}

export function setPiece(set: NftSet): PieceOf<'set'> {
  const { name, key, data, interval = false, counters = false, dynamic } = set
  const text = JSON.stringify([key, data, interval, counters, dynamic?.timeoutSeconds, dynamic?.size])
  return { kind: 'set', id: setId(name), text, set }
}

export function chainPiece(chain: Chain): PieceOf<'chain'> {
  const { type, hook, priority } = chain.hook ?? {}
  return { kind: 'chain', id: chainId(chain.name), text: JSON.stringify([type, hook, priority]), chain }
}

export function rulesPiece(chain: Chain, digests: readonly number[]): PieceOf<'rules'> {
  return { kind: 'rules', id: `rules ${chain.name}`, text: digests.join(' '), chain, digests }
}

export function contentPiece(set: NftSet, elements: readonly Element[]): PieceOf<'content'> {
  return { kind: 'content', id: `content ${set.name}`, text: contentText(set, elements), set, elements }
}

/** The same, its text made only if it is asked for: of a set that parts share it never is. */
export function foundContentPiece(set: NftSet, elements: readonly Element[]): PieceOf<'content'> {
  return {
    kind: 'content',
    id: `content ${set.name}`,
    get text() {
      return contentText(set, elements)
    },
    set,
    elements,
  }
}

function contentText(set: NftSet, elements: readonly Element[]): string {
  const each = elements.map(element => keyText(set, element) + separator + elementText(set, element))
  return each.sort().join(separator)
}

export function slotsPiece(set: NftSet, slots: Slots): PieceOf<'slots'> {
  return { kind: 'slots', id: `slots ${set.name}`, text: `${slots.marks.length} ${slots.digest}`, set, slots }
}

export function elementPiece(set: NftSet, element: Element): PieceOf<'element'> {
  return {
    kind: 'element',
    id: `element ${set.name} ${keyText(set, element)}`,
    text: elementText(set, element),
    set,
    element,
  }
}

/** All of an element but its key, in its comment too: that says what a mark stands for. */
export function elementText(set: NftSet, element: Element): string {
  return valueText(set, element) + separator + (element.comment ?? '')
}

export const setId = (name: string) => `set ${name}`
export const chainId = (name: string) => `chain ${name}`

function contentPieces(set: NftSet): readonly Piece[] {
  if (set.content === 'shared') return []
  return ['marks' in set.content ? slotsPiece(set, set.content) : contentPiece(set, set.content)]
}

/** Beyond latin1, in which keys and values are. */
const separator = '\u2063'
