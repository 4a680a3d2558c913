/**
 * A node process for tests that kill it: it opens an engine, applies the snapshot that is its argument, and prints what
 * `apply` said. SIGTERM has it print what `observe` says, close and exit.
 */
import { tmpdir } from 'node:os'
import { systemClock } from '../../clock.ts'
import { openUserspaceEngine } from './engine.ts'

const engine = await openUserspaceEngine({
  workers: 1,
  clock: systemClock,
  udpFlowLimit: 100,
  directory: tmpdir(),
  onSuspicion: () => {},
  log: line => console.error(line),
})
process.once('SIGTERM', async () => {
  console.log(JSON.stringify(await engine.observe()))
  await engine.close()
  process.exit()
})
console.log(JSON.stringify(await engine.apply(JSON.parse(process.argv[2] ?? ''))))
