/** What a process and its descendants cost, from /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** The process and all its descendants. */
export function tree(pid: number): number[] {
  const parents = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = statOf(Number(entry))?.parent
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), Number(entry)])
  }
  const found: number[] = []
  const visit = (pid: number) => {
    found.push(pid)
    for (const child of parents.get(pid) ?? []) visit(child)
  }
  visit(pid)
  return found
}

/** CPU seconds, user and system, that these processes have used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  // USER_HZ is 100 on every Linux that Node runs on.
  return pids.reduce((total, pid) => total + (statOf(pid)?.ticks ?? 0) / 100, 0)
}

/** Resident bytes of these processes. */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + (statOf(pid)?.residentPages ?? 0) * 4096, 0)
}

function statOf(pid: number): { parent: number; ticks: number; residentPages: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // Fields count from the state, behind the name in parentheses, which may hold spaces (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      parent: Number(fields[1]),
      ticks: Number(fields[11]) + Number(fields[12]),
      residentPages: Number(fields[21]),
    }
  } catch {
    // It ended between being listed and being read.
    return undefined
  }
}

/** CPU seconds that the whole machine has spent on anything but waiting, whoever they are counted for (proc_stat(5)). */
export function machineSeconds(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.trim().split(/\s+/)
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softirqs = 0] = ticks.map(Number)
  return (user + nice + system + interrupts + softirqs) / 100
}
