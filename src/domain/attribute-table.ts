import type { Attributes } from './load-balancer.ts'

/** One row: an attribute of things of type `Of`. A key may have several rows, each for other things. */
export interface Attribute<Of> {
  readonly key: string
  readonly default: string | ((of: Of) => string)
  readonly allowed: Allowed
  /** Absent: all of them have it. */
  readonly appliesTo?: (of: Of) => boolean
}

/** Words to choose from, whole numbers in a range (or a word beside it), or any text up to a length, of a form that `words` describe. */
export type Allowed =
  | { readonly words: readonly string[] }
  | { readonly min: number; readonly max: number; readonly or?: string }
  | { readonly length: number; readonly form?: { readonly pattern: RegExp; readonly words: string } }

export const trueOrFalse: Allowed = { words: ['true', 'false'] }

/** Why a change of attributes is refused, as AWS says it. */
export interface AttributeRefusal {
  readonly code: 'ValidationError' | 'InvalidConfigurationRequest'
  readonly message: string
}

/** Every attribute that `of` has, with its value: what was set, else the default. */
export function allOf<Of extends { readonly attributes: Attributes }>(
  table: readonly Attribute<Of>[],
  of: Of,
): Attributes {
  const all: Record<string, string> = {}
  for (const row of table) if (row.appliesTo?.(of) !== false) all[row.key] = valueIn(row, of)
  return all
}

/** One attribute's value, the default where `of` does not have it; throws on an unknown key. */
export function attributeOf<Of extends { readonly attributes: Attributes }>(
  table: readonly Attribute<Of>[],
  of: Of,
  key: string,
): string {
  let other: Attribute<Of> | undefined
  for (const row of table) {
    if (row.key !== key) continue
    if (row.appliesTo?.(of) !== false) return valueIn(row, of)
    other = row
  }
  if (other === undefined) throw new Error(`no attribute ${key}`)
  return valueIn(other, of)
}

function valueIn<Of extends { readonly attributes: Attributes }>(row: Attribute<Of>, of: Of): string {
  return of.attributes[row.key] ?? (typeof row.default === 'string' ? row.default : row.default(of))
}

/** Each key must be one that `of` has, and each value be allowed by itself; one that only others have is refused in other words. */
export function refuseValues<Of>(
  asked: Attributes,
  table: readonly Attribute<Of>[],
  of: Of,
  words: { readonly noun: string; readonly others?: RegExp; readonly where: string },
): AttributeRefusal | undefined {
  for (const [key, value] of Object.entries(asked)) {
    const rows = table.filter(row => row.key === key)
    const row = rows.find(row => row.appliesTo?.(of) !== false)
    if (row === undefined) {
      return rows.length > 0 || words.others?.test(key)
        ? refused(`${words.noun} attribute key '${key}' is not supported ${words.where}`)
        : { code: 'ValidationError', message: `${words.noun} attribute key '${key}' is not recognized` }
    }
    const wanted = refuseValue(row.allowed, value)
    if (wanted !== undefined) {
      return { code: 'ValidationError', message: `The value of '${key}' must be ${wanted}, not '${value}'` }
    }
  }
  return undefined
}

/** What was wanted instead of `value`, in words; `undefined` if it is allowed. */
function refuseValue(allowed: Allowed, value: string): string | undefined {
  if ('words' in allowed) return allowed.words.includes(value) ? undefined : `one of [${allowed.words.join(', ')}]`
  if ('length' in allowed) {
    if (value.length > allowed.length) return `at most ${allowed.length} characters`
    return allowed.form?.pattern.test(value) === false ? allowed.form.words : undefined
  }
  if (value === allowed.or) return undefined
  const inRange = /^\d{1,9}$/.test(value) && Number(value) >= allowed.min && Number(value) <= allowed.max
  const range = `a whole number between ${allowed.min} and ${allowed.max}`
  return inRange ? undefined : allowed.or === undefined ? range : `${range} or '${allowed.or}'`
}

/** Values that are allowed each by itself, but not together or not here. */
export function refused(message: string): AttributeRefusal {
  return { code: 'InvalidConfigurationRequest', message }
}
