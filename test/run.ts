/** `npm test`: every test file, or those named on the command line, in node's own runner. */
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const named = process.argv.slice(2)
// What takes long first: begun last, it would run alone at the end. The runner's command line would sort them.
const rooms = ['src/tasks', 'test', 'src']
const files = named.length > 0 ? named : new Set(rooms.flatMap(room => globSync(`${room}/**/*.test.ts`).sort()))

const tests = run({
  files: [...files],
  // They wait more than they work; with more at once, what is promised in milliseconds comes late.
  concurrency: availableParallelism() + 1,
  timeout: 180_000,
  // Under load a file's process has stayed after its last test, with nothing of ours left that runs. It may be ended before its last
  // reports are read; that a test failed, its exit code says all the same.
  forceExit: true,
  execArgv: ['--disable-warning=ExperimentalWarning'],
})
tests.on('test:fail', () => {
  process.exitCode = 1
})
tests.compose(spec()).pipe(process.stdout)
