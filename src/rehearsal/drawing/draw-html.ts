import { escapeXml } from '../../api/xml.ts'
import { figuresOf } from '../figures.ts'
import type { Timeline } from '../timeline.ts'
import { drawFigure, drawingStyle, drawLegend, figureWidth, heading, longest, type Piece, summary } from './draw-svg.ts'
import { fonts } from './palette.ts'
import { lapse, marks, outageSentence, outages, seconds } from './wording.ts'

/** Timelines as a page in one file: a table of figures, each drawing with its events and outages in words. It loads nothing and runs nothing. */
export function drawHtml(timelines: readonly Timeline[]): string {
  const endsAt = longest(timelines)
  const legend = timelines.length === 0 ? '' : picture(drawLegend(timelines), 'Legend', 'What the colours say.')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rehearsal: ${escapeXml(timelines.map(({ title }) => title).join('; '))}</title>
<style>
${drawingStyle(':root')}
body{margin:0 auto;padding:1rem;max-width:75rem;font:1rem/1.5 ${fonts};background:var(--page);color:var(--text)}
h1{font-size:1.5rem}
section{margin:2.5rem 0}
table{border-collapse:collapse}
th,td{padding:.3rem .8rem;border-bottom:1px solid var(--rule);text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:nth-child(2){text-align:left}
td:nth-child(2){white-space:nowrap}
tbody th{font-weight:600}
.scroll{overflow-x:auto}
svg{display:block;width:100%;min-width:45rem;height:auto}
.alarming{color:var(--alarm);font-weight:700}
ol{padding-left:0;list-style:none}
li span{display:inline-block;min-width:5.5rem;padding-right:1rem;text-align:right;color:var(--quiet);font-variant-numeric:tabular-nums}
</style>
</head>
<body>
<main>
<h1>Rehearsal</h1>
${tableOf(timelines)}
${timelines.map(timeline => sectionOf(timeline, endsAt)).join('\n')}
${legend}
</main>
</body>
</html>
`
}

function tableOf(timelines: readonly Timeline[]): string {
  const rows = timelines.map(timeline => {
    const { newAnswersAfter, originalAnswersAfter } = figuresOf(timeline)
    return `<tr><th scope="row">${escapeXml(timeline.title)}</th><td>${escapeXml(timeline.timing)}</td><td>${timeline.seed}</td>${[
      alarming(outages(timeline, 'deployment')),
      alarming(outages(timeline, 'rollback')),
      `<td>${lapse(newAnswersAfter)}</td>`,
      `<td>${lapse(originalAnswersAfter)}</td>`,
    ].join('')}</tr>`
  })
  return `<div class="scroll"><table>
<thead><tr><th scope="col">Design</th><th scope="col">Timing</th><th scope="col">Seed</th><th scope="col">Outage in the deployment</th><th scope="col">Outage in the rollback</th><th scope="col">New version answers after the move</th><th scope="col">Original answers after the rollback</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table></div>`
}

function alarming(outage: string): string {
  return `<td${outage === 'none' ? '' : ' class="alarming"'}>${outage}</td>`
}

function sectionOf(timeline: Timeline, endsAt: number): string {
  const events = marks(timeline.events).map(({ at, text }) => `<li><span>${seconds(at)}</span>${escapeXml(text)}</li>`)
  const missed = timeline.outages.map(
    outage => `<li class="alarming">${escapeXml(outageSentence(timeline, outage))}</li>`,
  )
  return `<section>
<h2>${escapeXml(timeline.title)}</h2>
<p>${escapeXml(`${timeline.design}, timing ${timeline.timing}, seed ${timeline.seed}`)}</p>
${picture(drawFigure(timeline, endsAt), heading(timeline), summary(timeline))}
<details><summary>Events</summary><ol>${events.join('')}</ol></details>
${missed.length === 0 ? '<p>No client went without an answer.</p>' : `<ul>${missed.join('')}</ul>`}
</section>`
}

function picture({ markup, height }: Piece, name: string, described: string): string {
  return `<div class="scroll"><svg class="drawing" viewBox="0 0 ${figureWidth} ${height}"><title>${escapeXml(name)}</title><desc>${escapeXml(described)}</desc>${markup}</svg></div>`
}
