/** `npm run check`: types, lint and format, and the forbidden imports, side by side; it prints what does not pass. */
import { spawn } from 'node:child_process'

const checks = [
  ['types', 'node_modules/typescript/bin/tsc', '-p', '.'],
  ['lint and format', 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
  ['imports', '--test', '--test-reporter=dot', 'test/imports.test.ts'],
] as const

const results = await Promise.all(
  checks.map(
    ([name, ...args]) =>
      new Promise<boolean>(resolve => {
        const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let output = ''
        for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
        child.on('exit', code => {
          process.stdout.write(code === 0 ? `${name}: ok\n` : `${name}: FAILED\n${output}\n`)
          resolve(code === 0)
        })
      }),
  ),
)
process.exitCode = results.every(Boolean) ? 0 : 1
