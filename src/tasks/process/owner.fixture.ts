/** A process that owns a runtime, to be killed: `owner.fixture.ts DATA_DIR SPECS`, where SPECS is JSON. Writes each event as a line of JSON. */
import { systemClock } from '../../clock.ts'
import { openProcessRuntime } from './runtime.ts'

// The system's clock keeps nobody alive; the end of whoever waits for us does end us.
process.stdin.resume().on('end', () => process.exit())

const [dataDir = '', specs = '[]'] = process.argv.slice(2)
const runtime = await openProcessRuntime({
  dataDir,
  user: 'nobody',
  clock: systemClock,
  onEvent: event => process.stdout.write(`${JSON.stringify(event)}\n`),
  log: () => {},
})
await runtime.adopt([])
process.stdout.write('open\n')
for (const spec of JSON.parse(specs)) runtime.start(spec)
