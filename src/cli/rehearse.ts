import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { ApiError } from '../api/errors.ts'
import { systemClock } from '../clock.ts'
import { type Design, stateOf } from '../design.ts'
import { Impossible } from '../domain/colours.ts'
import { instant, type Timing, timingProfiles } from '../domain/timing.ts'
import { compareRuns, compareTimelines } from '../rehearsal/comparison.ts'
import { builtScene, type DesignName, designNames, type Scene } from '../rehearsal/designs.ts'
import { drawHtml } from '../rehearsal/drawing/draw-html.ts'
import { drawSvg } from '../rehearsal/drawing/draw-svg.ts'
import { drawText } from '../rehearsal/drawing/draw-text.ts'
import { type LiveScenes, liveScenes } from '../rehearsal/live.ts'
import { rehearse } from '../rehearsal/rehearse.ts'
import { rehearseMany } from '../rehearsal/runs.ts'
import type { Timeline } from '../rehearsal/timeline.ts'
import { inquire } from './inquiry.ts'
import { readOptions, UsageError } from './options.ts'

const mostRuns = 100_000
const mostSeed = 2 ** 32 - 1
const usualWidth = 100

/** What of the command line is this command's own. */
interface Wishes {
  readonly names: readonly string[]
  readonly timing: Timing['profile'] | undefined
  readonly seed: number
  /** Absent: one each, drawn. */
  readonly runs: number | undefined
  readonly fromLive: boolean
  readonly out: string | undefined
  /** Flags that lead to the running server. */
  readonly others: readonly string[]
}

/**
 * `sluice rehearse nlb`: prints what a deployment and its rollback would be like, under AWS's timing and under ours. Answers the exit
 * code: 1 where there is nothing to rehearse, or something of it cannot be.
 * @throws UsageError
 */
export async function rehearseCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const wishes = readWishes(args)
  const found = await scenesOf(wishes, environment)
  if (typeof found === 'string') return complain(found)
  const possible = await possibleOf(found.scenes, wishes.seed)
  const refusals = [...found.refusals, ...possible.refusals]
  for (const refusal of refusals) complain(`cannot be rehearsed: ${refusal}`)
  if (possible.scenes.length === 0) return 1
  if (wishes.runs === undefined) await rehearseEach(possible.scenes, wishes)
  else await rehearseOften(possible.scenes, wishes, wishes.runs)
  return refusals.length === 0 ? 0 : 1
}

/** What the API lets be deployed; a running server's design may be one that it would refuse to deploy, too. */
async function possibleOf(all: readonly Scene[], seed: number): Promise<LiveScenes> {
  const scenes: Scene[] = []
  const refusals: string[] = []
  for (const scene of all) {
    try {
      await rehearse(scene, { ...instant, seed })
      scenes.push(scene)
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof Impossible)) throw error
      refusals.push(`${scene.name}: ${error.message}`)
    }
  }
  return { scenes, refusals }
}

async function rehearseEach(scenes: readonly Scene[], { timing, seed, out }: Wishes): Promise<void> {
  const timelines: Timeline[] = []
  for (const scene of scenes) {
    for (const profile of timing === undefined ? bothTimings(scene) : [timing]) {
      const timeline = await rehearse(scene, { profile, scale: 1, seed })
      timelines.push(timeline)
      write(`${drawText(timeline, process.stdout.columns ?? usualWidth, hasColours())}\n`)
    }
  }
  write(
    `${compareTimelines(timelines)}\n\nseed ${seed}: --seed ${seed} shows the same again, another seed what else may come\n`,
  )
  if (out === undefined) return
  try {
    writeFileSync(out, out.endsWith('.svg') ? drawSvg(timelines) : drawHtml(timelines))
  } catch (error) {
    throw new UsageError(
      `--out ${out} cannot be written (${(error as Error).message}): name a file in a folder where you may write`,
    )
  }
}

async function rehearseOften(scenes: readonly Scene[], { timing, seed }: Wishes, runs: number): Promise<void> {
  const rows = []
  for (const scene of scenes) {
    for (const profile of timing === undefined ? bothTimings(scene) : [timing]) {
      rows.push({
        design: scene.name,
        timing: profile,
        runs: await rehearseMany(scene, { profile, scale: 1, seed }, runs),
      })
    }
  }
  write(
    `${compareRuns(rows)}\n\n${runs} runs each, seeds from ${seed} on: --seed ${seed} --runs ${runs} shows the same again\n`,
  )
}

function bothTimings({ awsTiming }: Scene): readonly Timing['profile'][] {
  return [awsTiming, 'instant']
}

async function scenesOf(
  { names, fromLive, others }: Wishes,
  environment: NodeJS.ProcessEnv,
): Promise<LiveScenes | string> {
  const options = readOptions(others, environment)
  if (!fromLive) {
    const wanted = names.length === 0 ? designNames : names.map(designName)
    return { scenes: await Promise.all(wanted.map(builtScene)), refusals: [] }
  }
  const design = await inquire<Design>(options, { path: '/_sluice/design' })
  if (typeof design === 'string') return design
  const live = liveScenes(stateOf(design), systemClock.now())
  if (live.scenes.length + live.refusals.length === 0)
    return 'There is nothing to rehearse: the running Sluice has no deployment group, and no service with the strategy BLUE_GREEN, LINEAR or CANARY.'
  if (names.length === 0) return live
  const known = live.scenes.map(({ name }) => name)
  const refusals = live.refusals.filter(refusal => names.some(name => refusal.startsWith(`${name}: `)))
  const stranger = names.find(name => !known.includes(name) && !refusals.some(its => its.startsWith(`${name}: `)))
  if (stranger !== undefined)
    return `The running Sluice has no deployment group or service '${stranger}' to rehearse with: ${known.join(', ') || 'none at all'}.`
  return { scenes: live.scenes.filter(({ name }) => names.includes(name)), refusals }
}

function designName(name: string): DesignName {
  const known = designNames.find(its => its === name)
  if (known !== undefined) return known
  throw new UsageError(
    `there is no design '${name}' to rehearse: ${designNames.join(', ')}, or --from-live for your own`,
  )
}

function readWishes(args: readonly string[]): Wishes {
  const values = new Map<string, string>()
  const names: string[] = []
  const others: string[] = []
  let fromLive = false
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, flag, given] = /^--(timing|seed|runs|out)(?:=(.*))?$/s.exec(arg) ?? []
    if (flag !== undefined) {
      const value = given ?? rest.shift()
      if (value === undefined) throw new UsageError(`--${flag} needs a value (see: sluice help)`)
      values.set(flag, value)
    } else if (arg === '--from-live') fromLive = true
    // What follows a flag of another command's may be its value.
    else if (others.length > 0 || arg.startsWith('-')) others.push(arg)
    else names.push(arg)
  }
  const integer = (flag: string, least: number, most: number) => {
    const value = values.get(flag)
    if (value === undefined) return undefined
    if (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value)
    throw new UsageError(`--${flag} must be a whole number from ${least} to ${most}, not '${value}'`)
  }
  const [given, out] = [values.get('timing'), values.get('out')]
  const timing = timingProfiles.find(profile => profile === given)
  if (given !== undefined && timing === undefined)
    throw new UsageError(`--timing must be one of ${timingProfiles.join(', ')}, not '${given}'`)
  if (out !== undefined && !/\.(svg|html)$/.test(out))
    throw new UsageError(`--out must name a file that ends in .svg or .html, not '${out}'`)
  const runs = integer('runs', 1, mostRuns)
  if (runs !== undefined && out !== undefined)
    throw new UsageError('--out draws single rehearsals, and --runs counts many: leave one of them out')
  return {
    ...{ names, timing, runs, fromLive, out, others },
    seed: integer('seed', 0, mostSeed) ?? randomInt(mostSeed + 1),
  }
}

function hasColours(): boolean {
  return process.stdout.isTTY && process.env.NO_COLOR === undefined
}

function write(text: string): void {
  process.stdout.write(text)
}

function complain(line: string): 1 {
  process.stderr.write(`${line}\n`)
  return 1
}
