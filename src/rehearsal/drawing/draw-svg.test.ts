import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { crowded, dark as darkRollback, empty } from '../timeline.fixture.ts'
import { hasChromium, seenBy } from './browser.fixture.ts'
import { drawHtml } from './draw-html.ts'
import { drawSvg, heading } from './draw-svg.ts'
import { textWidth } from './lettering.ts'
import { dark, light, type Palette } from './palette.ts'
import { laneName, spanSentence } from './wording.ts'

const timelines = [darkRollback, crowded, empty]

test('every lane and span says in words what it shows, and what is markup in a name stays text', () => {
  const svg = drawSvg(timelines)
  for (const timeline of timelines) {
    for (const lane of timeline.lanes) {
      assert.ok(svg.includes(`<title>${escaped(laneName(lane))}</title>`), laneName(lane))
      for (const span of lane.spans) assert.ok(svg.includes(`<title>${escaped(spanSentence(lane, span))}</title>`))
    }
    assert.ok(svg.includes(escaped(heading(timeline))))
  }
  assert.ok(!svg.includes('<orders>'))
  assert.match(svg, /<desc>[^<]*client of :80: no answer, 366 s to 441 s \(75 s\), in the rollback/)
})

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

test('the name of a client of any port is there whole', () => {
  const label = 'client of :65535 (production)'
  const lanes = darkRollback.lanes.map(lane => (lane.kind === 'client' ? { ...lane, label } : lane))
  assert.match(drawSvg([{ ...darkRollback, lanes }]), />client of :65535 \(production\)<\/text>/)
})

test('the same timelines are drawn the same', () => {
  assert.equal(drawSvg(timelines), drawSvg(structuredClone(timelines)))
})

test('no drawing loads or runs anything', () => {
  for (const drawn of [drawSvg(timelines), drawHtml(timelines)]) {
    assert.doesNotMatch(drawn, /<script|<link|<img|href=|url\(|@import|\son\w+=/)
    assert.doesNotMatch(drawn.replace('xmlns="http://www.w3.org/2000/svg"', ''), /https?:/)
  }
})

for (const [name, palette] of Object.entries({ light, dark })) {
  test(`${name}: all text has a contrast of 4.5 : 1 to what is behind it`, () => {
    const pairs: [string, string, string][] = [
      ...Object.entries(palette.states).map(([state, ink]): [string, string, string] => [state, ink.text, ink.fill]),
      ...(['text', 'quiet', 'alarm'] as const).map((ink): [string, string, string] => [
        ink,
        palette[ink],
        palette.page,
      ]),
    ]
    for (const [what, ink, ground] of pairs) {
      assert.ok(contrast(ink, ground) >= 4.5, `${what}: ${contrast(ink, ground).toFixed(2)}`)
    }
  })

  test(`${name}: blue, green and an outage are told apart by who sees no red, no green or no blue`, () => {
    const states = ['blue', 'green', 'nothing'] as const
    for (const [kind, matrix] of Object.entries(blindness)) {
      for (const one of states) {
        for (const other of states.filter(state => state > one)) {
          const distance = apart(seenWith(matrix, palette, one), seenWith(matrix, palette, other))
          assert.ok(distance >= 60, `${kind}: ${one} and ${other} are ${distance.toFixed(0)} apart`)
        }
      }
    }
  })
}

/** WCAG 2.2, "contrast ratio". */
function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: string): number {
  const [r, g, b] = linear(colour)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

type Rgb = readonly [number, number, number]

function linear(colour: string): Rgb {
  const channel = (i: number) => {
    const value = Number.parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return [channel(0), channel(1), channel(2)]
}

/** Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
const blindness: Readonly<Record<string, readonly [Rgb, Rgb, Rgb]>> = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
}

/** As sRGB, 0 to 255. */
function seenWith(matrix: readonly [Rgb, Rgb, Rgb], palette: Palette, state: 'blue' | 'green' | 'nothing'): Rgb {
  const [r, g, b] = linear(palette.states[state].fill)
  const channel = (row: Rgb) => {
    const value = Math.min(1, Math.max(0, row[0] * r + row[1] * g + row[2] * b))
    return 255 * (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055)
  }
  return [channel(matrix[0]), channel(matrix[1]), channel(matrix[2])]
}

function apart(one: Rgb, other: Rgb): number {
  return Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2])
}

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

interface Seen {
  readonly picture: Box
  readonly texts: readonly (Box & { readonly text: string })[]
  readonly lanes: readonly {
    readonly name: string
    readonly bars: readonly (Box & { readonly fill: string; readonly label?: Box })[]
  }[]
  /** Pixels of each character of ASCII that can be seen, 100 to the em. */
  readonly characters: readonly number[]
  readonly page: string
}

const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))

/** Boxes as a browser lays them out. */
const measure = `
const box = element => {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  return { left, right, top, bottom }
}
const svg = document.querySelector('svg')
const texts = [...document.querySelectorAll('svg text')].map(text => ({ ...box(text), text: text.textContent }))
const lanes = [...document.querySelectorAll('.lane')].map(lane => ({
  name: lane.querySelector('title').textContent,
  bars: [...lane.querySelectorAll('.span')].map(span => {
    const rect = span.querySelector('rect')
    const label = span.querySelector('text')
    return { ...box(rect), fill: getComputedStyle(rect).fill, ...(label && { label: box(label) }) }
  }),
}))
const probe = document.createElementNS('http://www.w3.org/2000/svg', 'text')
svg.append(probe)
probe.style.fontSize = '100px'
probe.style.whiteSpace = 'pre'
const characters = ${JSON.stringify(ascii)}.map(character => {
  probe.textContent = character
  return probe.getComputedTextLength()
})
probe.remove()
return { picture: box(svg), texts, lanes, characters, page: getComputedStyle(document.querySelector('.page')).fill }
`

describe('in a browser', () => {
  let seen: Seen | undefined
  before(async () => {
    if (await hasChromium()) seen = await seenBy<Seen>(drawSvg(timelines), measure)
  })

  test('there is a lane for each of the timelines, full from its beginning to its end', t => {
    if (seen === undefined) return lacking(t, 'chromium')
    const drawn = timelines.flatMap(timeline => timeline.lanes.map(lane => ({ timeline, lane })))
    assert.deepEqual(
      seen.lanes.map(({ name }) => name),
      drawn.map(({ lane }) => laneName(lane)),
    )
    for (const [i, { bars }] of seen.lanes.entries()) {
      const { timeline, lane } = drawn[i]!
      assert.equal(bars.length, lane.spans.length)
      const covered = Math.max(...bars.map(({ right }) => right)) - Math.min(...bars.map(({ left }) => left))
      const expected = (772 * timeline.endsAt) / 1_000_000
      assert.ok(Math.abs(covered - expected) <= 3, `${lane.label} covers ${covered} of ${expected}`)
    }
  })

  test('a label stands within its span', t => {
    if (seen === undefined) return lacking(t, 'chromium')
    const labelled = seen.lanes.flatMap(({ bars }) => bars.filter(bar => bar.label !== undefined))
    assert.ok(labelled.length >= 20, `${labelled.length}`)
    for (const { label, ...bar } of labelled) assert.ok(label && within(label, bar), JSON.stringify({ label, bar }))
  })

  test('no text overlaps another or leaves the picture', t => {
    if (seen === undefined) return lacking(t, 'chromium')
    for (const [i, text] of seen.texts.entries()) {
      assert.ok(within(text, seen.picture), `${text.text} leaves the picture`)
      for (const other of seen.texts.slice(i + 1)) {
        assert.ok(!overlap(text, other), `${text.text} overlaps ${other.text}`)
      }
    }
  })

  test('every outage is to be seen, in a colour of its own, with its length', t => {
    if (seen === undefined) return lacking(t, 'chromium')
    const red = seen.lanes.flatMap(({ bars }) => bars.filter(({ fill }) => fill === 'rgb(212, 0, 0)'))
    assert.equal(red.length, darkRollback.outages.length + crowded.outages.length)
    for (const { left, right } of red) assert.ok(right - left >= 3)
    const told = seen.texts.map(({ text }) => text).filter(text => text.includes(' for '))
    assert.deepEqual(told.toSorted(), [
      '10 % lost for 2 s',
      ...['0.4 s', '1 s', '75 s', '75 s'].map(length => `no answer for ${length}`),
    ])
  })

  test('no character is wider than it was given room for', t => {
    if (seen === undefined) return lacking(t, 'chromium')
    for (const [i, width] of seen.characters.entries()) {
      const character = ascii[i] ?? ''
      assert.ok(width <= textWidth(character, 100) + 0.1, `${character}: ${width} of ${textWidth(character, 100)}`)
    }
  })

  test('on a dark screen it is dark, and on a small one the page does not scroll sideways as a whole', async t => {
    if (seen === undefined) return lacking(t, 'chromium')
    assert.equal(seen.page, 'rgb(255, 255, 255)')
    const html = drawHtml(timelines).replaceAll('&', '&amp;').replaceAll('"', '&quot;')
    const small = await seenBy<{ page: string; isTooWide: boolean; rows: number }>(
      `<iframe style="width:400px;height:800px;border:0" srcdoc="${html}"></iframe>`,
      `const { documentElement: root } = document.querySelector('iframe').contentDocument
       return { page: getComputedStyle(root.querySelector('body')).backgroundColor, isTooWide: root.scrollWidth > root.clientWidth,
                rows: root.querySelectorAll('tbody tr').length }`,
      'dark',
    )
    assert.deepEqual(small, { page: 'rgb(13, 17, 23)', isTooWide: false, rows: timelines.length })
  })
})

/** A tenth of a pixel is no overlap: boxes are as high as the font, letters are not. */
const slack = 0.1

function within(inner: Box, outer: Box): boolean {
  return (
    inner.left >= outer.left - slack &&
    inner.right <= outer.right + slack &&
    inner.top >= outer.top - slack &&
    inner.bottom <= outer.bottom + slack
  )
}

function overlap(one: Box, other: Box): boolean {
  return (
    one.left < other.right - slack &&
    other.left < one.right - slack &&
    one.top < other.bottom - slack &&
    other.top < one.bottom - slack
  )
}
