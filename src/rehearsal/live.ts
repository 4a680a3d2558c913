import { type Deployment, finalStatuses } from '../domain/code-deploy.ts'
import { Impossible } from '../domain/colours.ts'
import { shifts } from '../domain/ecs-service.ts'
import { isFinal } from '../domain/service-deployment.ts'
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
 * A server's deployment groups, and its services that shift traffic by themselves, each with all that is around it, and without what
 * alarms say. One that is between two versions is refused; that a service's first one does not come up, as without `--tasks`, is no matter.
 *
 * @param now milliseconds since the epoch
 */
export function liveScenes(live: State, now: number): LiveScenes {
  const state = atRest(live)
  const scenes: Scene[] = []
  const refusals: string[] = []
  const add = (name: string, title: string, subject: Subject, lookMs: number) => {
    const id = underWay(live, subject)
    if (id !== undefined) {
      refusals.push(`${name}: its deployment ${id} is under way: rehearse again once that is over.`)
      return
    }
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
    if (service.status !== 'ACTIVE' || !shifts(service)) continue
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

/** The deployment that replaces the subject's version just now. */
function underWay({ deploymentGroups, deployments, serviceDeployments }: State, subject: Subject): string | undefined {
  if (subject.kind === 'service')
    return [...serviceDeployments.values()].find(
      its => its.serviceArn === subject.arn && !isFinal(its) && its.sourceRevisionArns.length > 0,
    )?.arn
  const { applicationName, name } = deploymentGroups.get(subject.key)!
  const isIts = (its: Deployment) => its.applicationName === applicationName && its.deploymentGroupName === name
  return [...deployments.values()].find(its => isIts(its) && !finalStatuses.has(its.status) && its.creator === 'user')
    ?.id
}

/** Without deployments under way, and with every alarm silent. */
function atRest(state: State): State {
  const changes: Change[] = [
    ...[...state.deployments.values()]
      .filter(({ status }) => !finalStatuses.has(status))
      .map(({ id }): Change => ({ table: 'deployments', key: id })),
    ...[...state.serviceDeployments.values()]
      .filter(its => !isFinal(its))
      .map(({ arn }): Change => ({ table: 'serviceDeployments', key: arn })),
    ...[...state.alarms.values()].map(
      (alarm): Change => ({ table: 'alarms', key: alarm.name, value: { ...alarm, state: 'OK' } }),
    ),
  ]
  return applyChanges(state, state.revision, changes)
}
