/** A worker thread that rehearses one scene with many seeds. */
import { parentPort, workerData } from 'node:worker_threads'
import { rehearse } from './rehearse.ts'
import { type Batch, type Run, runOf } from './runs.ts'

const { scene, timing, seeds }: Batch = workerData
const runs: Run[] = []
for (const seed of seeds) runs.push(runOf(await rehearse(scene, { ...timing, seed })))
parentPort?.postMessage(runs)
