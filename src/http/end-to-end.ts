import { Field, type FieldKind, type FieldLines, type Framing, Mark } from './head.ts'

/** A set of kinds of fields, for `endToEndLines`. */
export function kindSet(...kinds: readonly FieldKind[]): number {
  return kinds.reduce<number>((set, kind) => set | (1 << kind), 0)
}

const none: ReadonlySet<string> = new Set()

/**
 * Names (lower-case) that Connection fields list: such fields are for one hop too (RFC 9110 section 7.6.1). Left out are those that
 * have a rule of their own, and X-Forwarded-For: a client that lists it may not make an earlier proxy's vanish.
 */
export function connectionNames(head: FieldLines): ReadonlySet<string> {
  let names: Set<string> | undefined
  for (let i = nextLine(head, Field.connection, 0); i >= 0; i = nextLine(head, Field.connection, i + 1)) {
    const value = head.value(i).toLowerCase()
    if (hasOwnRule(value)) continue
    names ??= new Set()
    for (const option of value.split(',')) {
      const name = option.trim()
      if (name !== '' && !hasOwnRule(name)) names.add(name)
    }
  }
  return names ?? none
}

function hasOwnRule(option: string): boolean {
  return (
    option === 'keep-alive' ||
    option === 'close' ||
    option === 'upgrade' ||
    option === 'te' ||
    option === 'x-forwarded-for'
  )
}

/**
 * The lines whose kind is in `kept`, as they came and in their order, those next to each other as one piece; but not what the
 * parser says is never sent on.
 * @param leftOut names, lower-case, that do not go on whatever their kind: a client may list as many as it likes
 * @param framingLine one that goes on whatever its kind and name; -1: none
 * @param validOnly leaves unusual names out (AWS: routing.http.drop_invalid_header_fields.enabled)
 */
export function endToEndLines(
  head: FieldLines,
  kept: number,
  leftOut: ReadonlySet<string>,
  framingLine: number,
  validOnly: boolean,
): string {
  const { text, bounds, kinds, count } = head
  const firstMark = validOnly ? Mark.unusualName : Mark.dropped
  let lines = ''
  let begin = -1
  for (let i = 0; i < count; i++) {
    const goesOn =
      i === framingLine ||
      (((kept >>> kinds[i]!) & 1) === 1 &&
        (!head.isMarked || head.marks[i]! < firstMark) &&
        (leftOut.size === 0 || !leftOut.has(head.name(i).toLowerCase())))
    if (goesOn) {
      if (begin < 0) begin = bounds[5 * i]!
    } else if (begin >= 0) {
      lines += text.slice(begin, bounds[5 * i])
      begin = -1
    }
  }
  return begin < 0 ? lines : lines + text.slice(begin, bounds[5 * count - 1])
}

/** The next line of this kind from `i` on that may be sent on, -1 if there is none. */
export function nextLine(head: FieldLines, kind: FieldKind, i: number): number {
  for (; i < head.count; i++) if (head.kinds[i] === kind && head.marks[i] !== Mark.dropped) return i
  return -1
}

/** The line that says so, where none that came does. */
export function framingField(framing: Framing, contentLength: number): string {
  if (framing === 'chunked') return 'Transfer-Encoding: chunked\r\n'
  return framing === 'length' ? `Content-Length: ${contentLength}\r\n` : ''
}
