import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Timing } from '../domain/timing.ts'
import type { Scene } from './designs.ts'
import { missedBy } from './figures.ts'
import type { Timeline } from './timeline.ts'

/** A worker takes so many runs at least: to start one takes as long as ten runs or so. */
const leastRuns = 25

/** What one of many runs came to: milliseconds without an answer for production's client. */
export interface Run {
  readonly seed: number
  readonly deployment: number
  /** Undefined where the deployment was over before a rollback. */
  readonly rollback: number | undefined
}

/** What a worker is told. */
export interface Batch {
  readonly scene: Scene
  readonly timing: Timing
  readonly seeds: readonly number[]
}

export function runOf(timeline: Timeline): Run {
  const { seed, moments } = timeline
  return {
    seed,
    deployment: missedBy(timeline, 'production', 'deployment'),
    rollback: moments.rollback === undefined ? undefined : missedBy(timeline, 'production', 'rollback'),
  }
}

/** Rehearses with as many seeds, from the timing's own upwards, on all cores. In the seeds' order. */
export async function rehearseMany(scene: Scene, timing: Timing, runs: number): Promise<readonly Run[]> {
  const seeds = Array.from({ length: runs }, (_, i) => (timing.seed + i) >>> 0)
  const workers = Math.max(1, Math.min(availableParallelism(), Math.floor(runs / leastRuns)))
  const share = Math.ceil(runs / workers)
  const batches = Array.from({ length: workers }, (_, i) => seeds.slice(i * share, (i + 1) * share))
  const done = await Promise.all(batches.map(seeds => inWorker({ scene, timing, seeds })))
  return done.flat()
}

async function inWorker(batch: Batch): Promise<readonly Run[]> {
  const worker = new Worker(new URL('./runs-worker.ts', import.meta.url), { workerData: batch })
  try {
    const [runs] = await once(worker, 'message')
    return runs
  } finally {
    await worker.terminate()
  }
}

/** Of runs: how many of them had an outage in this phase, and how long it was, milliseconds. */
export interface Spread {
  /** Those that came to the phase. */
  readonly runs: number
  readonly withOutage: number
  /** Of those with an outage; absent without any. */
  readonly lengths?: { readonly p50: number; readonly p90: number; readonly max: number }
}

export function spreadOf(runs: readonly Run[], phase: 'deployment' | 'rollback'): Spread {
  const missed = runs.map(run => run[phase]).filter(ms => ms !== undefined)
  const lengths = missed.filter(ms => ms > 0).sort((a, b) => a - b)
  if (lengths.length === 0) return { runs: missed.length, withOutage: 0 }
  const at = (share: number) => lengths[Math.ceil(share * lengths.length) - 1]!
  return { runs: missed.length, withOutage: lengths.length, lengths: { p50: at(0.5), p90: at(0.9), max: at(1) } }
}
