import { isDeepStrictEqual } from 'node:util'
import type { State } from '../domain/state.ts'
import { type Desired, type NodeTable, nodeTables } from './messages.ts'

export type WholeState = Extract<Desired, { readonly kind: 'state' }>

/** `state`, as far as the node is told of it, as a message. */
export function wholeState(state: State): WholeState {
  const tables = Object.fromEntries(nodeTables.map(name => [name, [...state[name]]]))
  return { kind: 'state', revision: state.revision, tables: tables as unknown as WholeState['tables'] }
}

/**
 * The state that `message` holds. Records and tables that equal those of `known` are the very objects of `known`, so that
 * nothing is built anew for what did not change while the connection was away.
 */
export function stateOf(message: WholeState, known: State): State {
  const tables = nodeTables.map(name => [name, tableOf(message.tables[name] ?? [], known[name])] as const)
  if (message.revision === known.revision && tables.every(([name, table]) => table === known[name])) return known
  return { ...known, ...Object.fromEntries(tables), revision: message.revision }
}

function tableOf(
  records: readonly (readonly [string, unknown])[],
  known: State[NodeTable],
): ReadonlyMap<string, unknown> {
  const table = new Map<string, unknown>()
  const order = known.keys()
  let same = records.length === known.size
  for (const [key, value] of records) {
    const before = known.get(key)
    const kept = isDeepStrictEqual(before, value)
    table.set(key, kept ? before : value)
    same &&= kept && order.next().value === key
  }
  return same ? known : table
}
