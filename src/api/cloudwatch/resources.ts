import type { Dimension } from '@aws-sdk/client-cloudwatch'
import { ApiError } from '../errors.ts'

export function invalid(text: string): ApiError {
  return new ApiError('ValidationError', text)
}

/** A member that the SDK's schemas do not require and AWS does. */
export function required<Input, Name extends keyof Input & string>(
  input: Input,
  name: Name,
): Exclude<Input[Name], undefined> {
  const value = input[name]
  if (value !== undefined) return value as Exclude<Input[Name], undefined>
  const path = name.charAt(0).toLowerCase() + name.slice(1)
  throw invalid(
    `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`,
  )
}

export function badToken(): ApiError {
  return new ApiError('InvalidNextToken', 'The next token specified is invalid.')
}

export function dimensionsIn(dimensions: readonly Dimension[] | undefined): Readonly<Record<string, string>> {
  const checked = new Map<string, string>()
  for (const { Name = '', Value = '' } of dimensions ?? []) {
    if (checked.has(Name)) throw invalid(`The dimension ${Name} was specified more than once`)
    checked.set(Name, Value)
  }
  return Object.fromEntries(checked)
}
