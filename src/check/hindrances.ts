import { finalStatuses } from '../domain/code-deploy.ts'
import { coloursOf, Impossible } from '../domain/colours.ts'
import type { State } from '../domain/state.ts'
import type { Finding } from './finding.ts'
import { routesOf, shiftingServices, subjectOf, subjectOfService } from './pair.ts'

/** Deployments that would be refused as things are; what one that runs has in its way it says itself. */
export function hinderedDeployments(state: State): readonly Finding[] {
  return [...ofCodeDeploy(state), ...ofServices(state)]
}

function* ofCodeDeploy(state: State): Generator<Finding> {
  const running = [...state.deployments.values()].filter(({ status }) => !finalStatuses.has(status))
  for (const group of state.deploymentGroups.values()) {
    const isRunning = running.some(
      its => its.applicationName === group.applicationName && its.deploymentGroupName === group.name,
    )
    if (isRunning) continue
    try {
      coloursOf(state, group)
    } catch (error) {
      if (!(error instanceof Impossible)) throw error
      yield {
        id: 'hindered-deployment',
        severity: 'error',
        subject: subjectOf(group),
        text: error.message,
        consequence: `The next deployment fails at once, with ${error.code}.`,
        cure: 'Put that right first.',
        commands: [],
      }
    }
  }
}

function* ofServices(state: State): Generator<Finding> {
  for (const { service } of shiftingServices(state)) {
    for (const place of service.loadBalancers) {
      if (place.advanced === undefined || routesOf(state, place) !== undefined) continue
      yield {
        id: 'hindered-deployment',
        severity: 'error',
        subject: subjectOfService(service),
        text: 'A target group of its pair, or its production listener or rule, does not exist any more.',
        consequence: 'The next deployment fails, as there is nowhere to move traffic.',
        cure: 'Name ones that exist (aws ecs update-service --load-balancers ...).',
        commands: [],
      }
    }
  }
}
