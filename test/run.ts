/** `npm test`: every test file, or those named on the command line, in node's own runner. */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const named = process.argv.slice(2)
const files = named.length > 0 ? named : globSync(['src/**/*.test.ts', 'test/**/*.test.ts']).sort()
const runner = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    // They wait more than they work.
    `--test-concurrency=${availableParallelism() + 1}`,
    '--test-timeout=180000',
    // Under load a file's process has stayed after its last test, with nothing of ours left that runs.
    '--test-force-exit',
    ...files,
  ],
  { stdio: 'inherit' },
)
runner.on('exit', code => process.exit(code ?? 1))
