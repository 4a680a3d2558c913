/** Room for words, and where they stand, without a font to ask: pixels throughout. */

/**
 * How wide a text is at most, in any sans-serif that a system may bring: by DejaVu Sans, which with Verdana is the widest of
 * them. What is not ASCII counts as a full square.
 */
export function textWidth(text: string, size: number, bold = false): number {
  let ems = 0
  for (const character of text) ems += widths.find(([characters]) => characters.includes(character))?.[1] ?? 1
  return ems * size * (bold ? 1.2 : 1)
}

const widths: readonly (readonly [characters: string, ems: number])[] = [
  [" .,:;'|/\\ijlIJf", 0.36],
  ['-!"()[]tr', 0.47],
  ['sz?cLFkvxy*_`', 0.6],
  ['abdeghnopqu0123456789EPSTY{}$', 0.65],
  ['ABCKRVXZ', 0.71],
  ['DGHNOQUw&#+<=>^~', 0.85],
]

/** The text, or as much of it as is at most `room` wide, with an ellipsis. */
export function fitted(text: string, room: number, size: number, bold = false): string {
  if (textWidth(text, size, bold) <= room) return text
  let kept = text
  while (kept !== '' && textWidth(`${kept}…`, size, bold) > room) kept = kept.slice(0, -1)
  return `${kept.trimEnd()}…`
}

/**
 * Labels at points of a line, each with a line of its own down to its point: where they begin, and in which row, row 0 nearest to
 * the points. None overlaps another. Each begins at its point, unless it would pass `end`. It stands farther off than those at
 * whose points it reaches over, so that their lines do not pass through it (where two reach over each other's, one must).
 *
 * @param labels in order
 */
export function staggered(
  labels: readonly { readonly at: number; readonly width: number }[],
  end: number,
): readonly { readonly from: number; readonly row: number }[] {
  const wanted = labels.map(({ at, width }) => {
    const from = Math.max(0, Math.min(at, end - width))
    return { at, from, to: from + width }
  })
  const rows = new Map<(typeof wanted)[number], number>()
  const seen = new Set<(typeof wanted)[number]>()
  const place = (label: (typeof wanted)[number]) => {
    if (seen.has(label)) return
    seen.add(label)
    const { from, to } = label
    const under = wanted.filter(other => other !== label && from <= other.at && other.at < to)
    for (const other of under.toReversed()) place(other)
    const taken = new Set<number>()
    for (const [other, row] of rows) if (other.from < to && from < other.to) taken.add(row)
    let row = Math.max(0, ...under.map(other => (rows.get(other) ?? -1) + 1))
    while (taken.has(row)) row++
    rows.set(label, row)
  }
  for (const label of wanted.toReversed()) place(label)
  return wanted.map(label => ({ from: label.from, row: rows.get(label)! }))
}
