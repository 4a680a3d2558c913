import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { scheduler } from 'node:timers/promises'
import { systemClock as clock } from '../clock.ts'
import { LocalRange } from '../engine/local-range.ts'
import { tableOf } from '../engine/nftables/names.ts'
import { Sysctl } from '../engine/nftables/sysctl.ts'
import { removeFlows, removeTable } from '../engine/nftables/table/remains.ts'
import { freeNumber, type SluiceTable, sluiceTables } from '../engine/nftables/table/sluice-tables.ts'
import { feedPath } from '../feed/path.ts'
import { endProcesses } from '../tasks/process/remains.ts'
import { readOptions } from './options.ts'

/**
 * `sluice cleanup`: removes what the Sluice of this data directory left in the kernel of this network namespace when it ended;
 * with `--all`, what every Sluice left that does not live. Prints a line for each thing removed.
 * Answers the exit code: 0, or 1 where it may not, or where that Sluice lives.
 * @throws UsageError
 */
export async function cleanupCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const isForAll = args.includes('--all')
  const { dataDir, taskUser } = readOptions(
    args.filter(arg => arg !== '--all'),
    environment,
  )
  try {
    const lines = await cleanup(dataDir, taskUser, isForAll)
    process.stdout.write(lines.length === 0 ? 'nothing was left\n' : lines.map(line => `${line}\n`).join(''))
    return 0
  } catch (error) {
    process.stderr.write(`sluice: ${whyNot(error)}\n`)
    return 1
  }
}

/** What keeps it from being done, in one line for the operator. */
class Refusal extends Error {}

async function cleanup(dataDir: string, user: string, isForAll: boolean): Promise<readonly string[]> {
  const own: SluiceTable = { ...tableOf(dataDir), dataDir, owner: undefined, isPersistent: false }
  const found = (await sluiceTables()).map(table => (table.name === own.name ? { ...table, dataDir } : table))
  const living = new Map<string, string>()
  for (const table of [own, ...found]) {
    const user = await userOf(table)
    if (user !== undefined) living.set(table.name, user)
  }
  const itself = living.get(own.name)
  if (itself !== undefined && !isForAll) throw new Refusal(`${itself}: stop it first`)

  const lines: string[] = []
  const dead = found.filter(({ name }) => !living.has(name) && (isForAll || name === own.name))
  const left = found.map(({ name }) => name).filter(name => !dead.some(table => table.name === name))
  for (const { name } of dead) lines.push(`removed table ${name} (listeners: ${await removeTable(name)})`)
  // Somebody may have deleted the table, and the flows went on.
  const isItsNumber = freeNumber(tableOf(dataDir), found) === own.number
  const numbers = new Set([...dead, ...(itself === undefined && isItsNumber ? [own] : [])].map(({ number }) => number))
  for (const number of numbers) {
    const count = number === undefined ? 0 : await removeFlows(number)
    if (count > 0) lines.push(`removed flows from conntrack: ${count}`)
  }
  const log = (line: string) => lines.push(line)
  const tasks = itself === undefined ? await awake(endProcesses({ dataDir, user, clock, log })) : 0
  if (tasks > 0) lines.push(`ended tasks: ${tasks}`)
  const circumstances = { neighbors: async () => left, log }
  for (const what of await new LocalRange(circumstances).close()) lines.push(`removed ${what} from lo`)
  const directories = new Set([...dead, ...(itself === undefined ? [own] : [])].map(table => table.dataDir))
  for (const directory of directories)
    if (directory !== undefined) await new Sysctl({ directory, maySet: false, ...circumstances }).restore()
  for (const [name, user] of living)
    if (isForAll && left.includes(name)) lines.push(`left table ${name} alone: ${user}`)
  return lines
}

/** Timers of the clock keep no process alive; what waits for them needs that. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const over = new AbortController()
  const asleep = scheduler.wait(600_000, { signal: over.signal }).catch(() => {})
  try {
    return await work
  } finally {
    over.abort()
    await asleep
  }
}

/** The Sluice that lives on it: `Sluice runs (pid 17) on /var/lib/sluice`; `undefined`: nobody does. */
async function userOf({ owner, dataDir, isPersistent }: Omit<SluiceTable, 'number'>): Promise<string | undefined> {
  const where = dataDir === undefined ? '' : ` on ${dataDir}`
  if (owner !== undefined) return `Sluice runs (${describeOwner(owner)})${where}`
  if (dataDir !== undefined) return (await isAnswered(dataDir)) ? `Sluice runs${where}` : undefined
  // Before Linux 6.9 a table does not say whether its maker lives.
  return isPersistent ? undefined : 'a Sluice may run with it'
}

/** The kernel numbers a process's first socket of a kind as the process; that is the node, which its supervisor starts again. */
function describeOwner(port: number): string {
  if (!commandLine(port).includes('/node.ts')) return `netlink port ${port}`
  const stat = readFileSync(`/proc/${port}/stat`, 'latin1')
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  return `pid ${commandLine(parent).includes('/main.ts') ? parent : port}`
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    // There is none, or it is none of this PID namespace.
    return ''
  }
}

/** Whether a control process listens there. */
function isAnswered(dataDir: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(feedPath(dataDir))
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function whyNot(error: unknown): string {
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (error instanceof Refusal) return message
  if (code === 'EPERM' || code === 'EACCES') return 'cleanup needs root, or CAP_NET_ADMIN'
  if (code === 'ENOSYS') return 'cleanup needs Linux, and a Node.js with node:ffi'
  return stack ?? message
}
