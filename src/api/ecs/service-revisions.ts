import type {
  DescribeServiceRevisionsRequest,
  DescribeServiceRevisionsResponse,
  ServiceRevision as SdkServiceRevision,
  ServiceRevisionLoadBalancer,
} from '@aws-sdk/client-ecs'
import { type ServiceRevision, serviceDeploymentsOf, taskSetArnOf } from '../../domain/service-deployment.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { describeLoadBalancer } from './load-balancers.ts'
import { invalid, pick } from './resources.ts'
import { placementMembers } from './service-settings.ts'

/** AWS: DescribeServiceRevisions. */
const mostArns = 20

export function DescribeServiceRevisions(
  input: DescribeServiceRevisionsRequest,
  call: Call,
): DescribeServiceRevisionsResponse {
  const { state } = call.draft
  const arns = input.serviceRevisionArns ?? []
  if (arns.length === 0) throw invalid('serviceRevisionArns cannot be empty.')
  if (arns.length > mostArns) throw invalid(`serviceRevisionArns cannot have more than ${mostArns} elements.`)
  const found = arns.map(arn => state.serviceRevisions.get(arn))
  return {
    serviceRevisions: found
      .filter(revision => revision !== undefined)
      .map(revision => describeServiceRevision(revision, state)),
    failures: arns.filter((_, index) => found[index] === undefined).map(arn => ({ arn, reason: 'MISSING' })),
  }
}

function describeServiceRevision(revision: ServiceRevision, state: State): SdkServiceRevision {
  const containers = state.taskDefinitions.get(revision.taskDefinitionArn)?.containers ?? []
  return {
    ...pick(revision.recorded, placementMembers),
    serviceRevisionArn: revision.arn,
    serviceArn: revision.serviceArn,
    clusterArn: revision.clusterArn,
    taskDefinition: revision.taskDefinitionArn,
    loadBalancers: revision.loadBalancers.map(describeLoadBalancer),
    containerImages: containers.map(({ name, image }) => ({ containerName: name, image })),
    guardDutyEnabled: false,
    createdAt: new Date(revision.createdAt),
    resolvedConfiguration: { loadBalancers: resolvedIn(revision, state) },
  }
}

/**
 * The target groups that its tasks are, or were, in: as its task set has them; after that, as a deployment that it was a part of
 * has fixed them.
 */
function resolvedIn(revision: ServiceRevision, state: State): ServiceRevisionLoadBalancer[] {
  const taskSetArn = taskSetArnOf(revision.arn)
  const own = state.taskSets.get(taskSetArn)?.loadBalancers
  const routes = serviceDeploymentsOf(state, revision.serviceArn).flatMap(({ progress }) => {
    const { blueTaskSetArn, greenTaskSetArn, routes = [] } = progress?.plan ?? {}
    if (greenTaskSetArn === taskSetArn) return routes.map(its => ({ ...its, targetGroupArn: its.greenTargetGroupArn }))
    if (blueTaskSetArn === taskSetArn) return routes.map(its => ({ ...its, targetGroupArn: its.blueTargetGroupArn }))
    return []
  })
  return revision.loadBalancers.map(({ targetGroupArn, advanced }, index) => {
    const route = routes.find(({ production }) => production === advanced?.productionListenerRule)
    return {
      targetGroupArn: own?.[index]?.targetGroupArn ?? route?.targetGroupArn ?? targetGroupArn,
      ...(advanced && { productionListenerRule: advanced.productionListenerRule }),
    }
  })
}
