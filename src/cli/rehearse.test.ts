import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { builtScene } from '../rehearsal/designs.ts'
import { drawSvg } from '../rehearsal/drawing/draw-svg.ts'
import { rehearse } from '../rehearsal/rehearse.ts'
import { UsageError } from './options.ts'
import { rehearseCommand } from './rehearse.ts'

const sluice = join(import.meta.dirname, '../../bin/sluice')

test('another process draws the same seed to the byte, and says what to compare', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-rehearse-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const out = join(directory, 'nlb.svg')
  const args = ['rehearse', 'nlb', '--timing', 'aws-nlb', '--seed', '7', '--out', out]
  const { stdout } = await promisify(execFile)(sluice, args)
  const timeline = await rehearse(await builtScene('nlb'), { profile: 'aws-nlb', scale: 1, seed: 7 })
  assert.equal(readFileSync(out, 'utf8'), drawSvg([timeline]))
  assert.match(stdout, /design +timing +outage in deployment .*\nnlb +aws-nlb +none +7\d(\.\d)? s/)
  assert.match(stdout, /--seed 7 shows the same again/)
})

test('flags that make no sense are refused in one line that says what would', async () => {
  const table: readonly [string, RegExp][] = [
    ['bog', /there is no design 'bog' to rehearse: alb, nlb, nlb-wait, nlb-dummy, nlb-weight0, or --from-live/],
    ['--runs 0', /--runs must be a whole number from 1 to 100000, not '0'/],
    ['--seed=-1', /--seed must be a whole number from 0 to 4294967295, not '-1'/],
    ['--seed', /--seed needs a value/],
    ['--out picture.png', /--out must name a file that ends in .svg or .html, not 'picture.png'/],
    ['--runs 2 --out a.svg', /leave one of them out/],
    ['--timing slow', /--timing must be one of instant, aws-alb, aws-nlb, aws, not 'slow'/],
    ['--nonsense', /Unknown option '--nonsense'/],
  ]
  for (const [args, message] of table) {
    const isRefused = (error: unknown) => error instanceof UsageError && message.test(error.message)
    await assert.rejects(rehearseCommand(args.split(' '), {}), isRefused, args)
  }
})
