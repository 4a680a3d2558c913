import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { builtScene } from './designs.ts'
import { drawSvg } from './drawing/draw-svg.ts'
import { rehearse } from './rehearse.ts'
import type { Timeline } from './timeline.ts'

const command = 'bin/sluice rehearse nlb nlb-dummy --timing aws-nlb --seed 7 --out docs/rehearsal.svg'

const root = join(import.meta.dirname, '../..')

test("the README's picture is what the README's command draws", async () => {
  assert.ok(readFileSync(join(root, 'README.md'), 'utf8').includes(command), 'the README has another command')
  const timelines: Timeline[] = []
  for (const design of ['nlb', 'nlb-dummy'] as const)
    timelines.push(await rehearse(await builtScene(design), { profile: 'aws-nlb', scale: 1, seed: 7 }))
  const picture = readFileSync(join(root, 'docs/rehearsal.svg'), 'utf8')
  assert.ok(picture === drawSvg(timelines), `it has changed: ${command}`)
})

test("the README's picture shows a dark rollback, and none with the cure", () => {
  const [, cureless = '', cured = ''] = readFileSync(join(root, 'docs/rehearsal.svg'), 'utf8').split(
    /(?=<g transform="translate\(0 \d+\)"><title>NLB)/,
  )
  assert.match(cureless, />no answer for 7\d(\.\d)? s</)
  assert.doesNotMatch(cured, /no answer for/)
  assert.match(cured, /<title>client of :80 \(production\)<\/title>/)
})
