import type { Cancel, Clock } from '../../clock.ts'
import type { TaskSpec } from '../runtime.ts'

type HealthCheck = NonNullable<TaskSpec['healthCheck']>

export interface HealthCheckOptions {
  readonly check: HealthCheck
  readonly clock: Clock
  /** How long the task has run already. */
  readonly ageMs: number
  /** Runs the command; what it answers holds: it exited with 0 in time. */
  run(argv: readonly string[], timeoutMs: number): Promise<boolean>
  /** Called when it changes. */
  tell(health: 'HEALTHY' | 'UNHEALTHY'): void
}

/**
 * Checks a task as Docker does: an interval after the last check ended; healthy after one success, unhealthy after `retries` failures in a
 * row, of which those in the start period do not count until one has succeeded (Docker: Dockerfile reference, HEALTHCHECK).
 */
export function startHealthCheck({ check, clock, ageMs, run, tell }: HealthCheckOptions): Cancel {
  const argv = commandOf(check)
  if (argv === undefined) return () => {}
  const begin = clock.monotonic() - ageMs
  let told: 'HEALTHY' | 'UNHEALTHY' | undefined
  let failures = 0
  let isOver = false
  let cancel = () => {}

  const judge = (isGood: boolean): typeof told => {
    if (isGood) failures = 0
    else if (told !== undefined || clock.monotonic() - begin >= 1_000 * check.startPeriodSeconds) failures++
    if (isGood) return 'HEALTHY'
    return failures >= check.retries ? 'UNHEALTHY' : told
  }
  const once = async () => {
    const health = judge(await run(argv, 1_000 * check.timeoutSeconds))
    if (isOver) return
    if (health !== undefined && health !== told) tell(health)
    told = health
    next()
  }
  const next = () => {
    cancel = clock.after(1_000 * check.intervalSeconds, once)
  }
  next()
  return () => {
    isOver = true
    cancel()
  }
}

/** What a check's command means (ECS: HealthCheck.command); `undefined`: there is none. */
function commandOf({ command }: HealthCheck): readonly string[] | undefined {
  const [kind, ...rest] = command
  if (kind === 'CMD-SHELL') return ['/bin/sh', '-c', rest.join(' ')]
  if (kind === 'CMD') return rest
  return kind === undefined || kind === 'NONE' ? undefined : command
}
