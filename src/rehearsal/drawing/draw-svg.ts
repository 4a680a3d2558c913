import { escapeXml } from '../../api/xml.ts'
import type { Lane, Outage, Span, SpanState, Timeline } from '../timeline.ts'
import { fitted, staggered, textWidth } from './lettering.ts'
import { fonts, light, stateClass, themes } from './palette.ts'
import {
  axisStep,
  laneName,
  lossOf,
  marks,
  outageSentence,
  seconds,
  spanLabels,
  spanSentence,
  stateName,
} from './wording.ts'

/** Pixels at its natural size; it shrinks and grows with the page. */
export const figureWidth = 1000
const margin = 16
const plotLeft = 212
const plotWidth = figureWidth - plotLeft - margin
const barHeight = 22
const lanePitch = 26
const rowHeight = 16
const headingHeight = 40
const size = 12

/** What classes look like in a drawing, in the surroundings' own palette. `selector`: of what holds the drawings. */
export function drawingStyle(selector: string): string {
  const states = Object.keys(light.states).map(stateClass)
  return `${themes(selector)}
.page{fill:var(--page)}
.drawing{font:${size}px ${fonts};print-color-adjust:exact;-webkit-print-color-adjust:exact}
.drawing text{fill:var(--text)}
.drawing .title{font-size:16px;font-weight:600}
.drawing .quiet{fill:var(--quiet)}
.drawing .alarm{fill:var(--alarm);font-weight:700}
.rule{stroke:var(--rule)}
.event{stroke:var(--quiet);stroke-dasharray:2 3}
.bracket{fill:none;stroke:var(--alarm);stroke-width:2}
.behind{fill:var(--page)}
.stripes{stroke:#000;stroke-opacity:.4;stroke-dasharray:3 5}
.absent{fill:none}
${states.map(state => `.${state}{fill:var(--${state})} .drawing .on-${state}{fill:var(--on-${state})}`).join('\n')}
.both-blue{fill:var(--blue)}
.bar{stroke:var(--page);stroke-width:1}
.bar.unused{stroke:var(--quiet);stroke-dasharray:4 3}`
}

/** Timelines one below the other, to one scale, as an SVG file that needs nothing else and takes after its surroundings, light or dark. */
export function drawSvg(timelines: readonly Timeline[]): string {
  const endsAt = longest(timelines)
  let height = 0
  const figures = timelines.map(timeline => {
    const figure = drawFigure(timeline, endsAt)
    const at = height
    height += headingHeight + figure.height + margin
    return `<g transform="translate(0 ${at})">${tooltip(heading(timeline))}${drawHeading(timeline)}<g transform="translate(0 ${headingHeight})">${figure.markup}</g></g>`
  })
  const legend = drawLegend(timelines)
  return `<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="0 0 ${figureWidth} ${height + legend.height}" width="${figureWidth}" height="${height + legend.height}">
${tooltip(timelines.map(heading).join('; '))}
<desc>${escapeXml(timelines.map(summary).join(' '))}</desc>
<style>${drawingStyle('.drawing')}</style>
<rect class="page" width="100%" height="100%"/>
${figures.join('\n')}
<g transform="translate(0 ${height})">${legend.markup}</g>
</svg>
`
}

/** The end of the longest, in milliseconds: the scale that all share. */
export function longest(timelines: readonly Timeline[]): number {
  return Math.max(1, ...timelines.map(({ endsAt }) => endsAt))
}

/** `NLB, dummy listener (nlb-dummy, timing aws-nlb, seed 7)`. */
export function heading({ title, design, timing, seed }: Timeline): string {
  return `${title} (${design}, timing ${timing}, seed ${seed})`
}

/** What a reader must know who does not see the drawing. */
export function summary(timeline: Timeline): string {
  const told = timeline.outages.map(outage => outageSentence(timeline, outage))
  return `${timeline.title}: ${told.length === 0 ? 'no client went without an answer' : told.join('; ')}.`
}

/** A piece of a drawing, from y = 0 down. */
export interface Piece {
  readonly markup: string
  /** Pixels. */
  readonly height: number
}

/** One timeline: events, lanes, time axis. `endsAt`, in milliseconds, is where the axis ends. */
export function drawFigure(timeline: Timeline, endsAt: number): Piece {
  const x = (at: number) => plotLeft + (at / endsAt) * plotWidth
  const events = drawEvents(timeline, x)
  const lanes: string[] = []
  let y = events.height
  let kind: Lane['kind'] | undefined
  for (const lane of timeline.lanes) {
    if (kind !== undefined && kind !== lane.kind) y += 8
    kind = lane.kind
    const outages = lane.kind === 'client' ? timeline.outages.filter(({ client }) => client === lane.label) : []
    const piece = drawLane(lane, drawOutages(timeline, outages, x), x)
    lanes.push(`<g class="lane" role="list" transform="translate(0 ${y})">${piece.markup}</g>`)
    y += piece.height
  }
  const lines = marks(timeline.events).map(({ at }) => line('event', x(at), events.height - 4, x(at), y))
  const axis = drawAxis(endsAt, x, events.height, y)
  return {
    markup: `${axis.markup}
${lines.join('')}
${events.markup}
${lanes.join('\n')}`,
    height: y + axis.height,
  }
}

function drawHeading({ title, design, timing, seed }: Timeline): string {
  const name = fitted(title, figureWidth * 0.6, 16, true)
  const rest = fitted(`${design}, timing ${timing}, seed ${seed}`, figureWidth * 0.4 - 3 * margin, size)
  return `${text('title', margin, 26, name)}${text('quiet heading', figureWidth - margin, 26, rest, 'end')}`
}

/** Events above the lanes, each with its time, staggered, and a line down to the lanes. */
function drawEvents(timeline: Timeline, x: (at: number) => number): Piece {
  const told = marks(timeline.events).map(({ at, text }) => {
    const whole = `${seconds(at)} ${text}`
    return { at: x(at), whole, label: fitted(whole, plotWidth / 2, size) }
  })
  const places = staggered(
    told.map(({ at, label }) => ({ at, width: textWidth(label, size) + 12 })),
    figureWidth - margin / 2,
  )
  const rows = Math.max(0, ...places.map(({ row }) => row + 1))
  const bottom = rows * rowHeight
  const lines: string[] = []
  const labels: string[] = []
  for (const [i, { at, whole, label }] of told.entries()) {
    const { from, row } = places[i]!
    const baseline = bottom - 6 - row * rowHeight
    lines.push(line('event', at, baseline + 3, at, bottom))
    const behind = backing(from, baseline, textWidth(label, size))
    labels.push(`<g>${tooltip(whole)}${behind}${text('label', from + 1, baseline, label)}</g>`)
  }
  return { markup: lines.join('') + labels.join(''), height: bottom + 4 }
}

function drawLane(lane: Lane, under: Piece, x: (at: number) => number): Piece {
  const name = laneName(lane)
  // Outages last, so that none is hidden by its neighbours.
  const spans = lane.spans.toSorted((a, b) => Number(a.state === 'nothing') - Number(b.state === 'nothing'))
  return {
    markup: `${tooltip(name)}
${text('name', margin, 15, fitted(name, plotLeft - margin - 8, size))}
${spans.map(span => drawSpan(lane, span, x)).join('\n')}
<g transform="translate(0 ${barHeight})">${under.markup}</g>`,
    height: lanePitch + under.height,
  }
}

/** Pixels below which an outage would not be seen. */
const leastOutage = 3

function drawSpan(lane: Lane, span: Span, x: (at: number) => number): string {
  const { state } = span
  const name = stateClass(state)
  const left = x(span.from)
  const width = state === 'nothing' ? Math.max(leastOutage, x(span.to) - left) : x(span.to) - left
  const bar = `x="${round(left)}" y="0" width="${round(width)}" height="${barHeight}"`
  let drawn = `<rect class="bar ${name}" ${bar}/>`
  if (state === 'nothing' && width >= 8) {
    const middle = barHeight / 2
    drawn += `<line class="stripes" stroke-width="${barHeight}" x1="${round(left)}" y1="${middle}" x2="${round(left + width)}" y2="${middle}"/>`
  } else if (state === 'both') {
    drawn += `<rect class="both-blue" x="${round(left)}" y="${barHeight - 5}" width="${round(width)}" height="5"/>`
  }
  // A client's outage has its words below the lane, where there is room.
  const labels = state === 'nothing' ? [] : spanLabels(lane.kind, span)
  const label = labels.find(words => textWidth(words, size) + 10 <= width)
  if (label !== undefined) drawn += text(`label on-${name}`, left + 5, state === 'both' ? 13 : 15, label)
  return `<g class="span" role="listitem">${tooltip(spanSentence(lane, span))}${drawn}</g>`
}

/** Each outage's length, to stand under its lane. */
function drawOutages(timeline: Timeline, outages: readonly Outage[], x: (at: number) => number): Piece {
  if (outages.length === 0) return { markup: '', height: 0 }
  const labels = outages.map(outage => `${lossOf(timeline, outage)} for ${seconds(outage.to - outage.from)}`)
  const places = staggered(
    outages.map(({ from }, i) => ({ at: x(from), width: textWidth(labels[i]!, size, true) + 10 })),
    figureWidth - margin / 2,
  )
  const drawn = outages.map((outage, i) => {
    const { from, row } = places[i]!
    const left = x(outage.from)
    const right = Math.max(left + leastOutage, x(outage.to))
    const baseline = 18 + row * rowHeight
    const bracket = `<path class="bracket" d="M${round(left + 1)} ${baseline - 11}V3H${round(right)}"/>`
    const behind = backing(from + 4, baseline, textWidth(labels[i]!, size, true))
    return { bracket, label: behind + text('label alarm', from + 5, baseline, labels[i]!) }
  })
  return {
    markup: drawn.map(({ bracket }) => bracket).join('') + drawn.map(({ label }) => label).join(''),
    height: 8 + rowHeight * Math.max(...places.map(({ row }) => row + 1)),
  }
}

/** So that lines do not pass through words. */
function backing(left: number, baseline: number, width: number): string {
  return `<rect class="behind" x="${round(left)}" y="${baseline - 11}" width="${round(width + 4)}" height="14"/>`
}

/** Numbers of seconds below the lanes, and a line up from each. */
function drawAxis(endsAt: number, x: (at: number) => number, top: number, bottom: number): Piece {
  const step = axisStep(endsAt, plotWidth / 60)
  const drawn: string[] = [line('rule', plotLeft, bottom + 4, plotLeft + plotWidth, bottom + 4)]
  for (let at = 0; at <= endsAt; at += step) {
    drawn.push(line('rule', x(at), top - 4, x(at), bottom + 8))
    // The last would stand out over the edge.
    const anchor = x(at) + textWidth(seconds(at), size) / 2 > figureWidth ? 'end' : 'middle'
    drawn.push(text('quiet tick', x(at), bottom + 22, seconds(at), anchor))
  }
  return { markup: drawn.join(''), height: 32 }
}

/** What the colours say, of those that these timelines have. */
export function drawLegend(timelines: readonly Timeline[]): Piece {
  const told = new Map<string, SpanState>()
  for (const { kind, spans } of timelines.flatMap(({ lanes }) => lanes)) {
    for (const { state } of spans) if (state !== 'absent') told.set(stateName(kind, state), state)
  }
  let left = plotLeft
  let y = 0
  const drawn: string[] = []
  for (const [name, state] of told) {
    const width = 24 + textWidth(name, size) + 16
    if (left + width > figureWidth - margin && left > plotLeft) {
      left = plotLeft
      y += 22
    }
    const stripes =
      state === 'nothing'
        ? `<line class="stripes" stroke-width="14" x1="${left}" y1="${y + 7}" x2="${left + 18}" y2="${y + 7}"/>`
        : ''
    const blue = state === 'both' ? `<rect class="both-blue" x="${left}" y="${y + 10}" width="18" height="4"/>` : ''
    drawn.push(`<rect class="bar ${stateClass(state)}" x="${left}" y="${y}" width="18" height="14"/>${stripes}${blue}`)
    drawn.push(text('label', left + 24, y + 11, name))
    left = Math.ceil(left + width)
  }
  return { markup: drawn.join(''), height: y + 30 }
}

function tooltip(words: string): string {
  return `<title>${escapeXml(words)}</title>`
}

function text(classes: string, x: number, y: number, words: string, anchor = 'start'): string {
  const anchored = anchor === 'start' ? '' : ` text-anchor="${anchor}"`
  return `<text class="${classes}" x="${round(x)}" y="${round(y)}"${anchored}>${escapeXml(words)}</text>`
}

function line(name: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${name}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

/** Tenths of a pixel are enough. */
function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}
