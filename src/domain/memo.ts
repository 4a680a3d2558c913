/**
 * Remembers what `compute` made of tables of one state, for as long as the first of them lives. Tables are immutable, so the
 * same objects mean the same answer.
 */
export function memoByTables<Tables extends readonly [object, ...object[]], Value>(
  compute: (...tables: Tables) => Value,
): (...tables: Tables) => Value {
  const memo = new WeakMap<object, { readonly tables: Tables; readonly value: Value }>()
  return (...tables) => {
    const known = memo.get(tables[0])
    if (known !== undefined && sameItems(known.tables, tables)) return known.value
    const value = compute(...tables)
    memo.set(tables[0], { tables, value })
    return value
  }
}

/** Whether both hold the same objects in the same order. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
