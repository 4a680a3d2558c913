/** Processes of this machine, each by its number and when it was born: numbers are used again. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** Never the same for two processes of one number, also across reboots. */
  readonly born: string
}

const isLinux = process.platform === 'linux'

/**
 * The process of this number; `undefined`: there is none, it is defunct, or it is hidden from us.
 * @throws Error where there are too few file descriptors to look
 */
export function identify(pid: number): ProcessIdentity | undefined {
  const born = isLinux ? bornInProc(pid) : bornAsPsSays(pid)
  return born === undefined ? undefined : { pid, born }
}

export function lives({ pid, born }: ProcessIdentity): boolean {
  return identify(pid)?.born === born
}

/** In every task's environment, and so in its children's. */
export const taskVariable = 'SLUICE_TASK'

/** Whether a process was started with the task's environment. Throws where that may not be read. */
export function isOfTask(pid: number, id: string): boolean {
  return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${taskVariable}=${id}\0`)
}

/**
 * Numbers of processes of which this holds; what throws (it has ended, it is somebody else's) does not. Linux only: elsewhere none.
 * @throws Error where there are too few file descriptors to look
 */
export function processesWhere(holds: (pid: number) => boolean): readonly number[] {
  if (!isLinux) return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        return holds(pid)
      } catch (error) {
        if (isBlind(error)) throw error
        return false
      }
    })
}

/** Ticks since boot (proc_pid_stat(5), field 22), so the boot's name belongs to it. */
function bornInProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // Its name, in parentheses, may hold anything.
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return /[ZXx]/.test(state) ? undefined : `${bootId} ${fields[18]}`
  } catch (error) {
    // Whoever can't look must not take it for dead: its task would be killed.
    if (isBlind(error)) throw error
    return undefined
  }
}

let bootId: string | undefined

function bornAsPsSays(pid: number): string | undefined {
  try {
    const [state = '', ...since] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
    return state.startsWith('Z') ? undefined : since.join(' ')
  } catch {
    return undefined
  }
}

/** For want of a file descriptor. Whatever else hinders a look (proc(5), hidepid=1) is about one process, which is not ours. */
function isBlind(error: unknown): boolean {
  return /^E[MN]FILE$/.test((error as NodeJS.ErrnoException).code ?? '')
}
