import { type ChildProcessByStdio, execFile, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'

/** What a call of the AWS CLI printed. */
interface Printed {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs the AWS CLI: `program`, a name in `PATH` or a path, with these arguments in this environment. Rejects where it ends with
 * another code than 0, with an error that has `stdout`, `stderr` and `code`.
 *
 * Where `program` is a Python script, one Python for each process of tests (and each network namespace that it was in) imports the
 * CLI's modules and forks for each call: to import them takes three quarters of the time of a call. Any other is started for each.
 */
export async function runAws(args: readonly string[], env: NodeJS.ProcessEnv, program = 'aws'): Promise<Printed> {
  const key = `${program} ${network()}`
  const forks = started.get(key) ?? startForks(program)
  started.set(key, forks)
  return forks === 'none' ? await promisify(execFile)(program, args, { env }) : await forks(args, env)
}

type Forks = (args: readonly string[], env: NodeJS.ProcessEnv) => Promise<Printed>

/** By program and network namespace. */
const started = new Map<string, Forks | 'none'>()

function startForks(program: string): Forks | 'none' {
  const script = pythonScript(program)
  if (script === undefined) return 'none'
  const python: ChildProcessByStdio<Writable, Readable, null> = spawn(
    script.python,
    [join(import.meta.dirname, 'run-aws.fixture.py'), script.path],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const waiting = new Map<number, { resolve(printed: Printed): void; reject(error: Error): void }>()
  let last = 0
  createInterface({ input: python.stdout }).on('line', line => {
    const { id, code, stdout, stderr } = JSON.parse(line)
    const { resolve, reject } = waiting.get(id) ?? {}
    waiting.delete(id)
    if (waiting.size === 0) hold(false)
    if (code === 0) resolve?.({ stdout, stderr })
    else reject?.(Object.assign(new Error(`${program} ended with ${code}: ${stderr}`), { code, stdout, stderr }))
  })
  const ended = (why: string) => {
    for (const { reject } of waiting.values()) reject(new Error(`${script.path}: ${why}`))
    waiting.clear()
  }
  python.on('error', error => ended(error.message))
  python.on('exit', (code, signal) => ended(`its Python ended with ${code ?? signal}`))
  python.stdin.on('error', error => ended(error.message))

  /** Between calls it does not keep this process alive. It ends with it, for then its stdin does. */
  function hold(wanted: boolean): void {
    for (const handle of [python, python.stdin, python.stdout] as unknown as { ref(): void; unref(): void }[])
      if (wanted) handle.ref()
      else handle.unref()
  }

  return (args, env) =>
    new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      hold(true)
      python.stdin.write(`${JSON.stringify({ id: last, args, env, cwd: process.cwd() })}\n`)
    })
}

/** The script behind a program's name, and the Python that its first line names; `undefined` where it is no such script. */
function pythonScript(program: string): { path: string; python: string } | undefined {
  // pyenv's `aws` is a shell script that looks for the real one.
  const command = 'case $(command -v "$1") in */.pyenv/shims/*) pyenv which "$1" ;; *) command -v "$1" ;; esac || true'
  const path = execFileSync('sh', ['-c', command, 'sh', program], { encoding: 'utf8' }).trim()
  // Of a shell's own commands it is the name alone.
  if (!path.startsWith('/')) return undefined
  const [, python] = /^#!(\S*\/python[\d.]*)\s*$/m.exec(firstBytes(path)) ?? []
  return python === undefined ? undefined : { path, python }
}

/** The network namespace that this process is in now, where there is such a thing. */
function network(): string {
  return process.platform === 'linux' ? readlinkSync('/proc/self/ns/net') : ''
}

function firstBytes(path: string): string {
  const bytes = Buffer.alloc(200)
  const fd = openSync(path, 'r')
  try {
    return bytes.toString('latin1', 0, readSync(fd, bytes))
  } finally {
    closeSync(fd)
  }
}
