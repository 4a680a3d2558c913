/** `npm test`: every test file, or those named on the command line, in node's own runner. */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const named = process.argv.slice(2)
// Whole stories first, since the longest would otherwise be left to run alone at the end.
const files = named.length > 0 ? named : globSync(['src/**/*.test.ts', 'test/**/*.test.ts']).sort().reverse()
const runner = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    // They wait more than they work.
    `--test-concurrency=${availableParallelism() + 1}`,
    '--test-timeout=180000',
    ...files,
  ],
  { stdio: 'inherit' },
)
runner.on('exit', code => process.exit(code ?? 1))
