import { finalStatuses } from '../domain/code-deploy.ts'
import { Impossible } from '../domain/colours.ts'
import { rolls } from '../domain/ecs-service.ts'
import { finalServiceDeploymentStatuses } from '../domain/service-deployment.ts'
import { applyChanges, type Change, type State } from '../domain/state.ts'
import type { Scene } from './designs.ts'
import { type Subject, sidesOf } from './sides.ts'

/** Somebody looks at a replacement that waits for so long, unless the wait is over before that. */
const longestLookMs = 300_000

/** What of a running server can be rehearsed, and why the rest can't. */
export interface LiveScenes {
  readonly scenes: readonly Scene[]
  /** One line each: what is in the way, and of which deployment group or service. */
  readonly refusals: readonly string[]
}

/**
 * A server's deployment groups, and its services that shift traffic by themselves, each with all that is around it. Deployments that are
 * under way there are left out, and so is what alarms say.
 *
 * @param now milliseconds since the epoch
 */
export function liveScenes(live: State, now: number): LiveScenes {
  const state = atRest(live)
  const scenes: Scene[] = []
  const refusals: string[] = []
  const add = (name: string, title: string, subject: Subject, lookMs: number) => {
    try {
      const { listenerArn } = sidesOf(state, subject).routes[0]!
      const loadBalancer = state.loadBalancers.get(state.listeners.get(listenerArn)!.loadBalancerArn)!
      const awsTiming = loadBalancer.type === 'network' ? 'aws-nlb' : 'aws-alb'
      scenes.push({ name, title, state, now, subject, awsTiming, lookMs })
    } catch (error) {
      if (!(error instanceof Impossible)) throw error
      refusals.push(`${name}: ${error.message}`)
    }
  }
  for (const [key, group] of state.deploymentGroups) {
    const { action, waitMinutes } = group.readyOption
    const lookMs = action === 'STOP_DEPLOYMENT' ? Math.min(longestLookMs, (waitMinutes * 60_000) / 2) : 0
    add(group.name, `deployment group ${key}`, { kind: 'deployment group', key }, lookMs)
  }
  for (const service of state.services.values()) {
    if (service.status !== 'ACTIVE' || service.controller !== 'ECS' || rolls(service)) continue
    if (!service.loadBalancers.some(({ advanced }) => advanced !== undefined)) continue
    add(
      service.name,
      `service ${service.name}, ${service.deployment?.strategy}`,
      { kind: 'service', arn: service.arn },
      0,
    )
  }
  return { scenes, refusals }
}

/** Without deployments under way, and with every alarm silent. */
function atRest(state: State): State {
  const changes: Change[] = [
    ...[...state.deployments.values()]
      .filter(({ status }) => !finalStatuses.has(status))
      .map(({ id }): Change => ({ table: 'deployments', key: id })),
    ...[...state.serviceDeployments.values()]
      .filter(({ status }) => !finalServiceDeploymentStatuses.has(status))
      .map(({ arn }): Change => ({ table: 'serviceDeployments', key: arn })),
    ...[...state.alarms.values()].map(
      (alarm): Change => ({ table: 'alarms', key: alarm.name, value: { ...alarm, state: 'OK' } }),
    ),
  ]
  return applyChanges(state, state.revision, changes)
}
