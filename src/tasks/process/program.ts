import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Place, TaskSpec } from '../runtime.ts'
import { taskVariable } from './process-table.ts'
import type { Site } from './site.ts'
import type { TaskUser } from './task-user.ts'

/** Where programs run, and who runs them; without a user, ours. */
export interface Stage {
  readonly site: Site
  readonly user: TaskUser | undefined
}

/**
 * Starts a program of a task's, in a session of its own: its main one, or a check. Without a working directory it is in ours.
 *
 * @param output a file descriptor for stdout and stderr
 * @throws Error with one line for the operator; a program that is not there is told by the child's `error` event
 */
export function startProgram(
  { site, user }: Stage,
  spec: TaskSpec,
  place: Place,
  [program, ...args]: readonly string[],
  output: number | 'ignore',
): ChildProcess {
  if (program === undefined) throw new Error(`${spec.name} says neither entryPoint nor command`)
  const { workingDirectory = process.cwd() } = spec
  // Else the program would be said to be missing.
  if (!statSync(workingDirectory, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`there is no directory ${workingDirectory}`)
  return site.within(spec.id, () =>
    spawn(program, args, {
      cwd: workingDirectory,
      env: environmentOf(spec, place, site),
      stdio: ['ignore', output, output],
      detached: true,
      ...user,
    }),
  )
}

/** A task's own variables go before ours, as in AWS, but for those without which it would take another one's port. */
function environmentOf(spec: TaskSpec, { address, ports }: Place, { sharesPorts }: Site): Record<string, string> {
  const numbered = Object.entries(ports).map(([containerPort, port]) => [`PORT_${containerPort}`, String(port)])
  const first = spec.ports[0] && ports[spec.ports[0].containerPort]
  const where = {
    ...Object.fromEntries(numbered),
    HOST: address,
    ...(first === undefined ? {} : { PORT: String(first) }),
  }
  return {
    // Nothing else of ours: there may be keys in it.
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    ...where,
    ...spec.environment,
    ...(sharesPorts ? where : {}),
    [taskVariable]: spec.id,
  }
}

/** A process, or with a negative number its group. One that is gone is not missed. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
