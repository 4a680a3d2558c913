import { chainId, type Piece, setId } from './piece.ts'
import type { Change } from './wanted.ts'

/** Changes that are one part's and go together: elements of one set, or anything else on its own. */
export type Step = readonly [Change, ...Change[]]

/**
 * The order in which the kernel takes changes: what others refer to before those, and so that packets meet nothing half done
 * even if not all goes in at once.
 *
 * `ahead` may go in several transactions: what is new, which nothing leads to yet, and what stands for itself, as a target's
 * address or one group's slots. `together` is what changes the way of packets, and goes in one.
 */
export function stepsOf(changes: readonly Change[]): {
  readonly ahead: readonly Step[]
  readonly together: readonly Step[]
} {
  const stages: Change[][] = [[], [], [], [], []]
  const together: Change[] = []
  for (const change of changes) (stages[stageOf(change)] ?? together).push(change)
  return { ahead: stages.flatMap(grouped), together: grouped(together) }
}

function stageOf({ piece, isNew }: Change): number {
  switch (piece.kind) {
    case 'counter':
    case 'timeout':
    case 'set':
      return 0
    case 'chain':
      return 1
    case 'element':
      return piece.set.data === 'verdict' || piece.set.interval === true ? last : 2
    case 'slots':
      return 3
    case 'content':
      return isNew ? 4 : last
    case 'rules':
      return isNew && piece.chain.hook === undefined ? 4 : last
  }
}

const last = 5

function grouped(changes: readonly Change[]): readonly Step[] {
  const steps: [Change, ...Change[]][] = []
  const elements = new Map<string, [Change, ...Change[]]>()
  for (const change of changes) {
    const { part, piece } = change
    const key = piece.kind === 'element' ? `${part} ${piece.set.name}` : undefined
    const step = key === undefined ? undefined : elements.get(key)
    if (step !== undefined) step.push(change)
    else {
      steps.push([change])
      if (key !== undefined) elements.set(key, steps.at(-1)!)
    }
  }
  return steps
}

/**
 * Leftovers in the order in which the kernel lets them go: what refers to others before those. `unit` is what goes or stays
 * as a whole: a chain that something still leads to keeps its rules.
 */
export function deletionsOf(leftovers: readonly Piece[]): readonly { readonly piece: Piece; readonly unit: string }[] {
  const kinds: readonly Piece['kind'][] = ['rules', 'element', 'set', 'content', 'slots', 'chain', 'counter', 'timeout']
  return leftovers
    .map(piece => ({ piece, unit: unitOf(piece) }))
    .sort((a, b) => kinds.indexOf(a.piece.kind) - kinds.indexOf(b.piece.kind))
}

function unitOf(piece: Piece): string {
  switch (piece.kind) {
    case 'rules':
      return chainId(piece.chain.name)
    case 'content':
    case 'slots':
      return setId(piece.set.name)
    default:
      return piece.id
  }
}
