import type { Lane, Span, SpanState, Timeline } from '../timeline.ts'
import { axisStep, laneName, marks, outageSentence, seconds, spanLabels, stateName } from './wording.ts'

/** How a state fills its columns: a letter for terminals without colours and for paper, an SGR sequence for the others (ECMA-48, 8.3.117). */
const fills: Readonly<Record<SpanState, { readonly letter: string; readonly colour: string }>> = {
  blue: { letter: '-', colour: '97;44' },
  green: { letter: '=', colour: '30;42' },
  both: { letter: '%', colour: '30;46' },
  nothing: { letter: 'X', colour: '1;97;41' },
  elsewhere: { letter: 'o', colour: '7' },
  absent: { letter: ' ', colour: '' },
  initial: { letter: ':', colour: '30;43' },
  healthy: { letter: '+', colour: '30;47' },
  unhealthy: { letter: '!', colour: '1;97;41' },
  'unhealthy.draining': { letter: '?', colour: '97;45' },
  unused: { letter: '.', colour: '37;100' },
  draining: { letter: '>', colour: '97;45' },
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** Columns from which on there is room for lanes, their names and a time axis. */
const narrowest = 60

/**
 * A timeline as lines of text, at most `width` columns wide (60 at least): a row a lane, the events by letters that are told below, every
 * outage in words. A span too short for a column is left out, but never an outage. `colours`: for a terminal that has them.
 */
export function drawText(timeline: Timeline, width: number, colours = false): string {
  const columns = Math.max(narrowest, Math.floor(width))
  const names = timeline.lanes.map(laneName)
  const nameWidth = Math.min(Math.max(0, ...names.map(name => name.length)), Math.floor(columns / 3))
  const plot = columns - nameWidth - 2
  const scale: Scale = { endsAt: timeline.endsAt, plot }
  const row = (name: string, cells: string) => `${fit(name, nameWidth)}  ${cells}`.trimEnd()

  const lines = [
    ...wrapped(`${timeline.title}  (${timeline.design}, timing ${timeline.timing}, seed ${timeline.seed})`, columns, 0),
    '',
    ...axis(scale).map((cells, i) => row(i === 0 ? 'seconds' : '', cells)),
    ...eventRows(timeline, scale).map(cells => row('', cells)),
  ]
  let kind: Lane['kind'] | undefined
  for (const [i, lane] of timeline.lanes.entries()) {
    if (kind !== undefined && kind !== lane.kind) lines.push('')
    kind = lane.kind
    lines.push(row(names[i] ?? '', cellsOf(lane, scale, colours)))
  }
  lines.push('', ...wrapped(legend(timeline, colours), columns, 2))
  if (timeline.events.length > 0) lines.push('')
  for (const [i, { at, text }] of marks(timeline.events).entries()) {
    lines.push(...wrapped(`${letters[i] ?? '*'}  ${seconds(at).padStart(8)}  ${text}`, columns, 13))
  }
  lines.push('', ...outageLines(timeline).flatMap(line => wrapped(line, columns, 2)))
  return `${lines.join('\n')}\n`
}

interface Scale {
  /** Milliseconds. */
  readonly endsAt: number
  /** Columns. */
  readonly plot: number
}

function columnAt({ endsAt, plot }: Scale, at: number): number {
  return endsAt === 0 ? 0 : Math.round((at / endsAt) * plot)
}

/** Where a mark of this moment stands: the end of all has its in the last column. */
function markAt(scale: Scale, at: number): number {
  return Math.min(scale.plot - 1, columnAt(scale, at))
}

/** Numbers, and a rule below them. */
function axis(scale: Scale): readonly string[] {
  const step = axisStep(scale.endsAt, scale.plot / 8)
  const numbers = Array<string>(scale.plot).fill(' ')
  const rule = Array<string>(scale.plot).fill('-')
  for (let at = 0; at <= scale.endsAt; at += step) {
    const column = markAt(scale, at)
    rule[column] = '|'
    const text = String(at / 1000)
    if (column + text.length <= scale.plot) numbers.splice(column, text.length, ...text)
  }
  return [numbers.join(''), rule.join('')]
}

/** Events whose letters would stand in the same column are staggered. */
function eventRows(timeline: Timeline, scale: Scale): readonly string[] {
  const rows: string[][] = []
  for (const [i, { at }] of marks(timeline.events).entries()) {
    const column = markAt(scale, at)
    let row = rows.find(cells => cells[column] === ' ')
    if (row === undefined) {
      row = Array<string>(scale.plot).fill(' ')
      rows.push(row)
    }
    row[column] = letters[i] ?? '*'
  }
  return rows.map(cells => cells.join(''))
}

interface Cell {
  readonly letter: string
  readonly colour: string
}

function cellsOf(lane: Lane, scale: Scale, colours: boolean): string {
  const cells = Array<Cell>(scale.plot).fill({ letter: ' ', colour: '' })
  // Outages last, so that they cover what is shorter than a column beside them.
  const spans = lane.spans.toSorted((a, b) => Number(a.state === 'nothing') - Number(b.state === 'nothing'))
  for (const span of spans) {
    const { letter, colour } = fills[span.state]
    let from = columnAt(scale, span.from)
    let to = columnAt(scale, span.to)
    if (span.state === 'nothing' && to === from) {
      from = Math.min(from, scale.plot - 1)
      to = from + 1
    }
    const room = to - from
    const label = labels(lane, span).find(text => text.length + 4 <= room)
    const text = label === undefined ? '' : `${colours ? '' : letter.repeat(2)} ${label} `
    const filled = text.padEnd(room, colours ? ' ' : letter)
    for (let i = 0; i < room; i++) cells[from + i] = { letter: filled[i] ?? letter, colour: colours ? colour : '' }
  }
  return painted(cells)
}

/** What a client missed is told with its length. */
function labels({ kind }: Lane, span: Span): readonly string[] {
  if (kind !== 'client' || span.state !== 'nothing') return spanLabels(kind, span)
  const length = seconds(span.to - span.from)
  return [`${span.detail ?? 'no answer'} for ${length}`, length]
}

function painted(cells: readonly Cell[]): string {
  let text = ''
  let colour = ''
  for (const cell of cells) {
    if (cell.colour !== colour)
      text += `${colour === '' ? '' : '\u001b[0m'}${cell.colour === '' ? '' : `\u001b[${cell.colour}m`}`
    colour = cell.colour
    text += cell.letter
  }
  return colour === '' ? text : `${text}\u001b[0m`
}

function legend(timeline: Timeline, colours: boolean): string {
  const told = new Map<string, string>()
  for (const lane of timeline.lanes) {
    for (const { state } of lane.spans) {
      const { letter, colour } = fills[state]
      if (letter === ' ') continue
      const sample = colours ? `\u001b[${colour}m  \u001b[0m` : letter.repeat(2)
      told.set(`${sample}\u00a0${stateName(lane.kind, state).replaceAll(' ', '\u00a0')}`, sample)
    }
  }
  return [...told.keys()].join('  ')
}

function outageLines(timeline: Timeline): readonly string[] {
  if (timeline.outages.length === 0) return ['No client went without an answer.']
  return timeline.outages.map(outage => `! ${outageSentence(timeline, outage)}`)
}

function fit(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}~`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal does not show has no width.
const unseen = /\u001b\[[0-9;]*m/g

/** Lines of at most `width` columns, broken at spaces, all but the first indented. What is longer than a line stays whole. */
function wrapped(text: string, width: number, indent: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const [word] of text.matchAll(/ *[^ ]+/g)) {
    if (line !== '' && (line + word).replace(unseen, '').length > width) {
      lines.push(line)
      line = ' '.repeat(indent) + word.trimStart()
    } else line += word
  }
  return [...lines, line].map(text => text.replaceAll('\u00a0', ' '))
}
