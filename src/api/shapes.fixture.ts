import type { NormalizedSchema } from '@smithy/core/schema'
import type { Service } from './call.ts'
import { requiredMembers } from './check-input.ts'
import { findOperation } from './query-protocol.ts'

/** The names of all actions of an SDK module, but one to which the SDK itself adds a PresignedUrl. */
export function actionsOf(sdk: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(sdk)
    .filter(name => name.endsWith('$'))
    .map(name => name.slice(0, -1))
    .filter(name => name !== 'CopySnapshot' && findOperation(sdk, name) !== undefined)
}

/** Random values of a schema, all the same for the same seed (mulberry32). */
export class ShapeGenerator {
  #state: number
  readonly #protocol: Service['protocol']

  constructor(seed: number, protocol: Service['protocol']) {
    this.#state = seed >>> 0
    this.#protocol = protocol
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  /** A request's structure has what is required, and a member that is written: an empty one leaves no trace in a form. */
  structure(schema: NormalizedSchema, depth: number, isInput: boolean): Record<string, unknown> {
    const members = [...schema.structIterator()]
    const scalar = members.find(([, member]) => !isComposite(member))
    const structure: Record<string, unknown> = {}
    for (const [index, [name, member]] of members.entries()) {
      // DryRun would keep the answer from coming, and a token is filled in by the SDK where there is none.
      if (name === 'DryRun') continue
      const written = name === scalar?.[0] || scalar === undefined || index < requiredMembers(schema)
      const must = (isInput && written) || member.isIdempotencyToken()
      if (!must && (this.below(10) < 3 || (depth > 4 && isComposite(member)))) continue
      structure[name] = this.value(member, depth + 1, isInput)
    }
    return structure
  }

  value(schema: NormalizedSchema, depth: number, isInput: boolean): unknown {
    if (schema.isStructSchema()) return this.structure(schema, depth, isInput)
    if (schema.isListSchema()) {
      // EC2 has no way to write an empty list in a request.
      const least = isInput && this.#protocol === 'ec2' ? 1 : 0
      const length = depth > 8 ? least : least + this.below(3)
      return Array.from({ length }, () => this.value(schema.getValueSchema(), depth + 1, isInput))
    }
    if (schema.isMapSchema()) {
      const keys = Array.from({ length: isInput ? 1 : 0 }, () => this.text())
      return Object.fromEntries(keys.map(key => [key, this.value(schema.getValueSchema(), depth + 1, isInput)]))
    }
    if (schema.isBooleanSchema()) return this.below(2) === 0
    if (schema.isNumericSchema()) return isInput ? this.below(1e9) - 5e8 : this.below(1e9) / 8
    if (schema.isTimestampSchema()) return new Date(this.below(2 ** 31) * 1000 + (isInput ? 0 : this.below(1000)))
    if (schema.isBlobSchema()) return new TextEncoder().encode(this.text())
    return this.text()
  }

  text(): string {
    const characters = [
      'a',
      'Z',
      '0',
      '-',
      '.',
      '&',
      '=',
      '+',
      '%',
      ' x',
      '<',
      '>',
      '"',
      "'",
      'ü',
      '漢',
      '😀',
      '/',
      '\\',
      ']]>',
    ]
    return (
      Array.from({ length: 1 + this.below(12) }, () => this.pick(characters))
        .join('')
        .trim() || 'a'
    )
  }
}

function isComposite(schema: NormalizedSchema): boolean {
  return schema.isStructSchema() || schema.isListSchema() || schema.isMapSchema()
}
