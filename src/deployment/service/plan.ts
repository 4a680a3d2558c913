import { Impossible } from '../../domain/colours.ts'
import type { EcsService, ServiceLoadBalancer } from '../../domain/ecs-service.ts'
import { routeOf } from '../../domain/listener-rules.ts'
import {
  type ServiceDeployment,
  type ShiftPlan,
  type ShiftRoute,
  taskSetArnOf,
  taskSetHexOf,
} from '../../domain/service-deployment.ts'
import type { State } from '../../domain/state.ts'
import { newTaskSet, type TaskSet, taskSetsOf } from '../../domain/task-set.ts'
import type { View } from '../view.ts'

/**
 * What a service deployment is going to work with. Blue is the primary task set; of each pair of target groups blue's is the one that
 * its tasks are in. Throws `Impossible`, though the API looked: things may have changed since.
 */
export function shiftPlanOf({ serviceArn, targetRevisionArn }: ServiceDeployment, state: State): ShiftPlan {
  const greenTaskSetArn = taskSetArnOf(targetRevisionArn)
  const blue = taskSetsOf(state, serviceArn).find(({ arn, status }) => status === 'PRIMARY' && arn !== greenTaskSetArn)
  const revision = state.serviceRevisions.get(targetRevisionArn)
  if (revision === undefined || !state.taskDefinitions.has(revision.taskDefinitionArn))
    throw new Impossible(
      'INVALID_REVISION',
      `The service revision ${targetRevisionArn} or its task definition is gone.`,
    )
  const routes = revision.loadBalancers.flatMap(its => shiftRouteOf(its, blue) ?? [])
  const missing = missingPart(routes, state)
  if (missing !== undefined) throw new Impossible('ELASTIC_LOAD_BALANCING_INVALID', missing)
  return { ...(blue !== undefined && { blueTaskSetArn: blue.arn }), greenTaskSetArn, routes }
}

/** The task set that runs the deployment's target revision, registered in green's groups. */
export function greenTaskSet(
  { targetRevisionArn }: ServiceDeployment,
  { routes, blueTaskSetArn }: ShiftPlan,
  service: EcsService,
  { state, now }: View,
): TaskSet {
  const { taskDefinitionArn, recorded, loadBalancers } = state.serviceRevisions.get(targetRevisionArn)!
  return newTaskSet(service, taskSetHexOf(targetRevisionArn), now, {
    taskDefinitionArn,
    status: blueTaskSetArn === undefined ? 'PRIMARY' : 'ACTIVE',
    loadBalancers: loadBalancers.map(its => inGreen(its, routes)),
    recorded,
  })
}

/** `undefined`: the load balancer does not say where its traffic comes in. */
function shiftRouteOf(
  { targetGroupArn, advanced }: ServiceLoadBalancer,
  blue: TaskSet | undefined,
): ShiftRoute | undefined {
  if (advanced === undefined) return undefined
  const { productionListenerRule: production, testListenerRule: test, alternateTargetGroupArn: alternate } = advanced
  const isFirst = blue?.loadBalancers.some(its => its.targetGroupArn === targetGroupArn)
  const [blueTargetGroupArn, greenTargetGroupArn] = isFirst ? [targetGroupArn, alternate] : [alternate, targetGroupArn]
  return { production, ...(test !== undefined && { test }), blueTargetGroupArn, greenTargetGroupArn }
}

/** The group that the tasks are in comes first in a task set's pair. */
function inGreen(its: ServiceLoadBalancer, routes: ShiftPlan['routes']): ServiceLoadBalancer {
  const { advanced, targetGroupArn } = its
  if (!routes.some(({ greenTargetGroupArn }) => greenTargetGroupArn === advanced?.alternateTargetGroupArn)) return its
  const { alternateTargetGroupArn, ...rest } = advanced!
  return {
    ...its,
    targetGroupArn: alternateTargetGroupArn,
    advanced: { ...rest, alternateTargetGroupArn: targetGroupArn },
  }
}

/** Which listener, rule or target group of the routes is gone, as a sentence; `undefined`: none. */
export function missingPart(routes: ShiftPlan['routes'], state: State): string | undefined {
  for (const { production, test = production, blueTargetGroupArn, greenTargetGroupArn } of routes) {
    for (const arn of [production, test])
      if (routeOf(state, arn) === undefined) return `The listener or rule ${arn} does not exist.`
    for (const arn of [blueTargetGroupArn, greenTargetGroupArn])
      if (!state.targetGroups.has(arn)) return `The target group ${arn} does not exist.`
  }
  return undefined
}
