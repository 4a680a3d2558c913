import type { NftSet, Part, Ruleset } from '../ruleset.ts'
import { chainId, type Piece, type PieceOf, piecesOf, setId } from './piece.ts'

/** What is in the kernel's table, by `Piece.id`. */
export type Installed = ReadonlyMap<string, Piece>

/** A piece that is to be put, or put otherwise than it is. */
export interface Change {
  /** Who wants it, and is to blame if the kernel refuses it; the first of several. */
  readonly part: string
  readonly piece: Piece
  /** What this process put there before, or knows of. */
  readonly was: Piece | undefined
  /** Nothing is there before, nor anything that leads there: the set or the chain is new too. */
  readonly isNew: boolean
}

interface Claim {
  readonly piece: Piece
  /** A part that brings a piece twice is here twice. */
  readonly parts: string[]
}

interface Version {
  readonly part: Part
  readonly pieces: readonly Piece[]
}

/**
 * What all parts together want, counted piece by piece and kept up from one ruleset to the next at the cost of what changed.
 * Pure: it knows nothing of the kernel but what it is told is installed.
 */
export class Wanted {
  readonly #claims = new Map<string, Claim>()
  readonly #versions = new Map<string, Version>()
  /** Of `#versions`. */
  readonly #parts = new Set<Part>()
  /** What the parts were before the last `want`, of those that it changed. */
  #before = new Map<string, Version | undefined>()
  /** Ids of what may be installed otherwise than it is wanted. */
  readonly #open: Set<string>

  /** @param installed found in the table, wanted by nobody so far */
  constructor(installed: Installed) {
    this.#open = new Set(installed.keys())
  }

  /**
   * Pauses now and then, for the caller to let others have a turn; nothing else may be called before it is through.
   * @returns the parts that cannot be, which are left as they were before, and why
   */
  *want(ruleset: Ruleset): Generator<void, Map<string, Error>> {
    const changed: Part[] = []
    let known = 0
    for (const part of ruleset.values()) {
      if (!this.#parts.has(part)) changed.push(part)
      if (this.#parts.has(part) || this.#versions.has(part.name)) known++
    }
    const areGone = known < this.#versions.size
    const gone = areGone ? [...this.#versions.keys()].filter(name => !ruleset.has(name)) : []
    this.#before = new Map(
      [...changed.map(({ name }) => name), ...gone].map(name => [name, this.#versions.get(name)] as const),
    )
    // All go before any comes: two parts may change what both of them bring.
    for (const name of this.#before.keys()) this.#release(name)

    const sets = new Map(changed.flatMap(part => part.sets.map(set => [set.name, set] as const)))
    const setNamed = (name: string) => sets.get(name) ?? this.#setNamed(name)
    const errors = new Map<string, Error>()
    for (const [index, part] of changed.entries()) {
      try {
        this.#claim({ part, pieces: piecesOf(part, setNamed) })
      } catch (error) {
        errors.set(part.name, error as Error)
      }
      if (index % partsAtATime === partsAtATime - 1) yield
    }
    for (const name of errors.keys()) this.refuse(name)
    return errors
  }

  /** Without what the last `want` changed in this part: it stays as it was, or if that does not go with the rest, is left out. */
  refuse(name: string): void {
    this.#release(name)
    const before = this.#before.get(name)
    this.#before.delete(name)
    if (before === undefined) return
    try {
      this.#claim(before)
    } catch {
      // Another part has changed what both of them brought.
    }
  }

  /** What is to be put. */
  changes(installed: Installed): readonly Change[] {
    const changes: Change[] = []
    for (const id of this.#open) {
      const claim = this.#claims.get(id)
      const was = installed.get(id)
      if (claim === undefined) {
        if (was === undefined) this.#open.delete(id)
      } else if (was?.text === claim.piece.text) this.#open.delete(id)
      else {
        const { piece, parts } = claim
        const isNew = was === undefined && !installed.has(holderOf(piece))
        changes.push({ part: parts[0] ?? '', piece, was, isNew })
      }
    }
    return changes
  }

  /** What is installed and nobody wants. */
  leftovers(installed: Installed): readonly Piece[] {
    return [...this.#open].flatMap(id => {
      const piece = this.#claims.has(id) ? undefined : installed.get(id)
      return piece === undefined ? [] : [piece]
    })
  }

  /** Those of the leftovers that cannot wait: ranges that others may overlap which are wanted now. */
  obsoleteRanges(installed: Installed): readonly PieceOf<'element'>[] {
    return this.leftovers(installed).flatMap(piece =>
      piece.kind === 'element' && piece.set.interval === true ? [piece] : [],
    )
  }

  /** Wanted slots of maps that are there though nobody here has filled them. */
  unknownSlots(installed: Installed): readonly PieceOf<'slots'>[] {
    return [...this.#open].flatMap(id => {
      const piece = this.#claims.get(id)?.piece
      return piece?.kind === 'slots' && !installed.has(id) && installed.has(setId(piece.set.name)) ? [piece] : []
    })
  }

  /** What was found whole in sets that parts are to share. */
  foundShared(installed: Installed): readonly PieceOf<'content'>[] {
    return [...this.#open].flatMap(id => {
      const piece = installed.get(id)
      return piece?.kind === 'content' && this.#setNamed(piece.set.name)?.content === 'shared' ? [piece] : []
    })
  }

  /** Something was put, and may be as it is wanted now. */
  put(id: string): void {
    this.#open.delete(id)
  }

  /** Something is installed that this does not know of. */
  found(id: string): void {
    this.#open.add(id)
  }

  #setNamed(name: string): NftSet | undefined {
    const piece = this.#claims.get(setId(name))?.piece
    return piece?.kind === 'set' ? piece.set : undefined
  }

  /** @throws where another part, or this one, brings the same piece otherwise */
  #claim({ part, pieces }: Version): void {
    const claimed: Piece[] = []
    this.#versions.set(part.name, { part, pieces: claimed })
    this.#parts.add(part)
    for (const piece of pieces) {
      const claim = this.#claims.get(piece.id)
      if (claim === undefined) this.#claims.set(piece.id, { piece, parts: [part.name] })
      else if (claim.piece.text === piece.text) claim.parts.push(part.name)
      else {
        const [other] = claim.parts
        this.#release(part.name)
        throw new Error(`part '${other}' brings ${describe(piece)} otherwise`)
      }
      claimed.push(piece)
      this.#open.add(piece.id)
    }
  }

  #release(name: string): void {
    const version = this.#versions.get(name)
    if (version === undefined) return
    this.#versions.delete(name)
    this.#parts.delete(version.part)
    for (const { id } of version.pieces) {
      const claim = this.#claims.get(id)
      if (claim === undefined) continue
      claim.parts.splice(claim.parts.indexOf(name), 1)
      if (claim.parts.length === 0) this.#claims.delete(id)
      this.#open.add(id)
    }
  }
}

/** The id of what the piece fills. */
function holderOf(piece: Piece): string {
  switch (piece.kind) {
    case 'content':
    case 'slots':
      return setId(piece.set.name)
    case 'rules':
      return chainId(piece.chain.name)
    default:
      return piece.id
  }
}

function describe(piece: Piece): string {
  return piece.kind === 'element' ? `${piece.element.key.join(' . ')} in set '${piece.set.name}'` : piece.id
}

/** What is done in some milliseconds. */
const partsAtATime = 50
