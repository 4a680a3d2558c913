import { endToEndLines, kindSet } from './end-to-end.ts'
import { Field, type FieldLines } from './head.ts'

const kept = kindSet(Field.other)

/** Fields that decide how a message is routed, framed or trusted, beside those of kinds of their own (RFC 9110 section 6.5.1). */
const neverTrailers: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'www-authenticate',
  'proxy-authenticate',
  'cache-control',
  'pragma',
  'range',
  'content-range',
  'content-encoding',
  'content-type',
  'max-forwards',
  'forwarded',
  'location',
  'age',
  'expires',
  'vary',
  'retry-after',
])

/**
 * What ends a chunked body: the last chunk, and those trailer fields that may go on, up to and with the empty line, latin1.
 * @param validOnly as in `endToEndLines`
 */
export function lastChunk(trailers: FieldLines | undefined, validOnly: boolean): string {
  if (trailers === undefined || trailers.count === 0) return '0\r\n\r\n'
  return `0\r\n${endToEndLines(trailers, kept, neverTrailers, -1, validOnly)}\r\n`
}
