/** `npm run bench -- NAME [ARGS]`: runs one of the benchmarks of this folder; without a name, lists them. */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [name, ...args] = process.argv.slice(2)
const folder = import.meta.dirname
const benches = new Map(
  globSync(['*.ts', '*/main.ts'], { cwd: folder })
    .filter(file => file !== 'run.ts')
    .map(file => [file.replace(/(\/main)?\.ts$/, ''), join(folder, file)]),
)
const file = benches.get(name ?? '')
if (file === undefined) {
  process.stdout.write('npm run bench -- NAME, with one of:\n')
  for (const [name, file] of [...benches].sort()) {
    const about = /^\/\*\*\s+\* ([^:(\n]+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? ''
    process.stdout.write(`  ${name.padEnd(18)}${about.trim()}\n`)
  }
  process.exit(name === undefined ? 0 : 2)
}
process.exit(
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], { stdio: 'inherit' }).status ??
    1,
)
