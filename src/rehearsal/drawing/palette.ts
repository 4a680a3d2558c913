import type { SpanState } from '../timeline.ts'

/** A colour and what is written on it. */
interface Ink {
  readonly fill: string
  readonly text: string
}

/** What everything is drawn in, once for light and once for dark surroundings. */
export interface Palette {
  readonly page: string
  readonly text: string
  /** Of what is read second: the axis, event lines. */
  readonly quiet: string
  readonly rule: string
  /** Words about outages, on the page. */
  readonly alarm: string
  readonly states: Readonly<Record<Exclude<SpanState, 'absent'>, Ink>>
}

/**
 * Blue and bluish green, amber and reddish purple as in Okabe and Ito's palette for colour-blind readers
 * (jfly.uni-koeln.de/color), some darker, so that text on them has the contrast of WCAG 2.2, 1.4.3 (4.5 : 1). States that could
 * still be mistaken for each other have a pattern besides: stripes, dashes, a second colour.
 */
export const light: Palette = {
  page: '#ffffff',
  text: '#1c2128',
  quiet: '#59636e',
  rule: '#d4dae0',
  alarm: '#c40d0d',
  states: {
    blue: { fill: '#0067a6', text: '#ffffff' },
    green: { fill: '#5cc9a2', text: '#00281b' },
    both: { fill: '#5cc9a2', text: '#00281b' },
    nothing: { fill: '#d40000', text: '#ffffff' },
    elsewhere: { fill: '#8b949e', text: '#0b0f14' },
    initial: { fill: '#f0b429', text: '#231900' },
    healthy: { fill: '#dfe5eb', text: '#1c2128' },
    unhealthy: { fill: '#8c2d04', text: '#ffffff' },
    'unhealthy.draining': { fill: '#5b3a66', text: '#ffffff' },
    unused: { fill: '#ffffff', text: '#59636e' },
    draining: { fill: '#dca3c2', text: '#2d0a1d' },
  },
}

export const dark: Palette = {
  page: '#0d1117',
  text: '#e6edf3',
  quiet: '#9aa5b1',
  rule: '#30363d',
  alarm: '#ff7b72',
  states: {
    ...light.states,
    blue: { fill: '#1f7fc4', text: '#000000' },
    nothing: { fill: '#ff3b3b', text: '#000000' },
    elsewhere: { fill: '#6e7681', text: '#000000' },
    healthy: { fill: '#39424d', text: '#e6edf3' },
    unhealthy: { fill: '#a63c0c', text: '#ffffff' },
    'unhealthy.draining': { fill: '#75507f', text: '#ffffff' },
    unused: { fill: '#0d1117', text: '#9aa5b1' },
  },
}

/** CSS variables of a palette: `--page`, `--blue`, `--on-blue`. */
function variables({ states, ...rest }: Palette): string {
  const plain = Object.entries(rest).map(([name, colour]) => `--${name}:${colour}`)
  const inks = Object.entries(states).flatMap(([state, { fill, text }]) => [
    `--${stateClass(state)}:${fill}`,
    `--on-${stateClass(state)}:${text}`,
  ])
  return [...plain, ...inks].join(';')
}

/** A state as a CSS name: a dot would end it. */
export function stateClass(state: string): string {
  return state.replace('.', '-')
}

/** The surroundings' own palette, for what matches `selector` and all in it. */
export function themes(selector: string): string {
  return `${selector}{color-scheme:light dark;${variables(light)}}
@media (prefers-color-scheme:dark){${selector}{${variables(dark)}}}`
}

/** Of every system the one that it has; what is drawn is measured by the widest of them. */
export const fonts = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
