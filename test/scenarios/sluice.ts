/** A whole Sluice for a test: `bin/sluice up` on a data directory of its own, its processes, and its clients. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Status } from '../../src/status.ts'
import { slackMs } from '../long.ts'
import { enterOwnNetwork } from '../own-network.ts'

const command = join(import.meta.dirname, '../../bin/sluice')

// What one test file's Sluices put into the kernel, and the ports that they use, is then nobody else's, and goes with it.
if (process.getuid?.() === 0) enterOwnNetwork()

/** A running `sluice up`. */
interface Sluice {
  readonly url: string
  readonly dataDir: string
  /** The supervisor. */
  readonly process: ChildProcess
  /** All that it printed so far. */
  output(): string
  /** The processes of one part now: `control`, `node`, or the workers. */
  pids(part: 'control' | 'node' | 'worker'): number[]
  status(): Promise<Status>
  /** Sends the signal and answers the exit code, `null` where the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts Sluice and waits until it serves. It ends with the test. */
export async function startSluice(
  t: TestContext,
  options: {
    dataDir?: string
    flags?: readonly string[]
    /** A program that starts it, with its arguments: `setpriv --reuid=65534`. */
    under?: readonly string[]
  } = {},
): Promise<Sluice> {
  const dataDir = options.dataDir ?? temporaryDirectory(t)
  const flags = [
    '--port',
    '0',
    '--dns-port',
    '0',
    '--no-example',
    '--workers',
    '2',
    '--data-dir',
    dataDir,
    ...(options.flags ?? []),
  ]
  const [program = '', ...args] = [...(options.under ?? []), command, 'up', ...flags]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', chunk => (output += chunk))
  const exited = new Promise<number | null>(resolve => child.on('exit', resolve))
  latest.set(dataDir, child)
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
    // A later one on the same directory answers for all of its processes.
    if (latest.get(dataDir) !== child) return
    let known = descendants(dataDir)
    await until('the processes have gone with their parent', () => {
      // Workers may stay: what is established finishes.
      known = known.filter(pid => commandLine(pid).includes(dataDir))
      // To look through all of the machine's takes a hundred times as long.
      if (known.length === 0) known = descendants(dataDir)
      return known.length === 0
    })
  })
  await until('sluice serves', () => {
    if (child.exitCode !== null) throw new Error(`sluice ended:\n${output}`)
    return /API at (http\S+)/.test(output)
  }).catch(error => {
    throw new Error(`${error.message}\n${output}`)
  })
  const url = /API at (http\S+)/.exec(output)?.[1] ?? ''
  return {
    url,
    dataDir,
    process: child,
    output: () => output,
    pids: part => descendants(dataDir).filter(pid => partOf(pid) === part),
    async status() {
      const response = await fetch(`${url}/_sluice/status`, { headers: { authorization: 'test' } })
      return (await response.json()) as Status
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exited
    },
  }
}

/** By data directory, the Sluice that was started last. */
const latest = new Map<string, ChildProcess>()

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  return directory
}

/**
 * Polls until `condition` holds; fails after `ms` (and `slackMs`) naming what was waited for. What takes long is asked for less
 * often, a tenth of the time waited so far apart: to ask a server every 20 ms for a minute keeps a core busy.
 */
export async function until<T>(what: string, condition: () => T | Promise<T>, ms = 30_000): Promise<NonNullable<T>> {
  const begun = performance.now()
  const deadline = begun + ms + slackMs
  for (;;) {
    const last = await condition()
    if (last) return last as NonNullable<T>
    const now = performance.now()
    if (now >= deadline) throw new Error(`waited ${ms} ms in vain: ${what}`)
    await pause(Math.min(Math.max(20, (now - begun) / 10), 500, deadline - now))
  }
}

/** Whether a program is to be had. */
export function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Processes of the Sluice on this data directory: each carries it in its arguments, or is the child of one that does. */
function descendants(dataDir: string): number[] {
  const found = new Set<number>()
  const processes = readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .map(Number)
  for (const pid of processes) if (commandLine(pid).includes(dataDir)) found.add(pid)
  // Workers carry no argument; they are the node process's children.
  for (const pid of processes) if (found.has(parentOf(pid))) found.add(pid)
  return [...found]
}

function partOf(pid: number): 'control' | 'node' | 'worker' | undefined {
  const line = commandLine(pid)
  if (line.includes('/control.ts')) return 'control'
  if (line.includes('/node.ts')) return 'node'
  if (line.includes('/worker.ts')) return 'worker'
  return undefined
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    // It ended while the list was read.
    return ''
  }
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
