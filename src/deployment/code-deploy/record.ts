import type { Deployment, DeploymentStep, LifecycleEvent } from '../../domain/code-deploy.ts'
import type { Change } from '../../domain/state.ts'
import type { Move } from '../view.ts'

/** Puts `deployment` in its place, together with other changes. */
export function commit(deployment: Deployment, ...others: readonly Change[]): Move {
  return { changes: [...others, { table: 'deployments', key: deployment.id, value: deployment }] }
}

/**
 * At the beginning of `step`. The revision that the node must have stays: one that comes back from a restart may be behind what was
 * acknowledged once.
 */
export function atStep(deployment: Deployment, step: DeploymentStep, now: number): Deployment {
  const { refusedSince, ...kept } = deployment.progress
  return { ...deployment, progress: { ...kept, step, since: now } }
}

/** With one of its lifecycle events changed. */
export function withEvent(deployment: Deployment, name: string, change: Partial<LifecycleEvent>): Deployment {
  const events = deployment.events.map(event => (event.name === name ? { ...event, ...change } : event))
  return { ...deployment, events }
}
