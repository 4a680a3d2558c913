import type { DeploymentGroup } from './code-deploy.ts'
import type { EcsService } from './ecs-service.ts'
import { forwardersTo } from './listener-rules.ts'
import { referencesTo } from './references.ts'
import type { State } from './state.ts'
import type { TargetGroup } from './target-group.ts'
import type { TaskSet } from './task-set.ts'

/** Why a deployment can't be done as things are (AWS: ErrorCode and a message). */
export class Impossible extends Error {
  readonly code: 'ELASTIC_LOAD_BALANCING_INVALID' | 'INVALID_ECS_SERVICE' | 'INVALID_REVISION'

  constructor(code: Impossible['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** What a deployment would move, and where from and to. */
export interface Colours {
  readonly service: EcsService
  /** The primary task set. */
  readonly blue: TaskSet
  readonly blueGroup: TargetGroup
  /** The other one of the deployment group's pair. */
  readonly greenGroup: TargetGroup
}

/**
 * The colours of a deployment group's service as it is now. Throws `Impossible`: production must point to blue's group alone
 * (an HTTP listener: all of its rules that name blue or green), and
 * green's must be free. The listener comes first: a task set that it forwards to must not be deleted.
 */
export function coloursOf(state: State, group: DeploymentGroup): Colours {
  const service = serviceOf(state, group)
  const blue = state.taskSets.values().find(set => set.serviceArn === service.arn && set.status === 'PRIMARY')
  if (blue === undefined)
    throw new Impossible('INVALID_ECS_SERVICE', `The ECS service ${service.name} does not have a primary task set.`)
  const pair = group.targetGroupPair.map(name => {
    const found = state.targetGroups.values().find(its => its.name === name)
    return found ?? invalid(`The target group ${name} does not exist.`)
  })
  const blueGroup = pair.find(({ arn }) => holds(blue, arn))
  const greenGroup = pair.find(its => its !== blueGroup)
  if (blueGroup === undefined || greenGroup === undefined)
    return invalid('The primary task set is in neither of the target groups of the deployment group.')
  checkProduction(state, group.productionListenerArn, blueGroup, greenGroup)
  const occupant = state.taskSets.values().find(set => set.status !== 'DRAINING' && holds(set, greenGroup.arn))
  if (occupant !== undefined) throw new Impossible('INVALID_ECS_SERVICE', occupation(greenGroup, occupant))
  return { service, blue, blueGroup, greenGroup }
}

/** Throws `Impossible` if it is not there. */
export function listenerOf(state: State, arn: string) {
  return state.listeners.get(arn) ?? invalid(`The listener ${arn} does not exist.`)
}

function serviceOf(state: State, { clusterName, serviceName }: DeploymentGroup): EcsService {
  const service = state.services.values().find(({ arn }) => arn.endsWith(`:service/${clusterName}/${serviceName}`))
  if (service?.status !== 'ACTIVE' || service.controller !== 'CODE_DEPLOY')
    throw new Impossible(
      'INVALID_ECS_SERVICE',
      `The ECS service ${serviceName} in cluster ${clusterName} is not active, or its deployment controller is not CODE_DEPLOY.`,
    )
  return service
}

function checkProduction(state: State, listenerArn: string, blue: TargetGroup, green: TargetGroup): void {
  const listener = listenerOf(state, listenerArn)
  const forwards = forwardersTo(state, listener, [blue.arn, green.arn]).flatMap(({ forward }) => forward)
  const isOnBlue = forwards.some(({ targetGroupArn, weight }) => targetGroupArn === blue.arn && weight > 0)
  const isElsewhere = forwards.some(
    ({ targetGroupArn, weight }) => targetGroupArn !== blue.arn && (targetGroupArn !== green.arn || weight > 0),
  )
  if (!isOnBlue || isElsewhere)
    invalid(
      `The primary task set's target group ${blue.name} must be all that listener ${listenerArn} forwards to: point it there ` +
        `(aws elbv2 modify-listener --listener-arn ${listenerArn} --default-actions Type=forward,TargetGroupArn=${blue.arn}), ` +
        'or make the task set primary that it forwards to (aws ecs update-service-primary-task-set).',
    )
  if (referencesTo(state, green.arn).some(({ loadBalancer }) => loadBalancer.arn !== listener.loadBalancerArn))
    invalid(`The target group ${green.name} belongs to another load balancer.`)
}

function holds(taskSet: TaskSet, targetGroupArn: string): boolean {
  return taskSet.loadBalancers.some(its => its.targetGroupArn === targetGroupArn)
}

/** A deployment leaves it so that ended without a rollback, or with KEEP_ALIVE. */
function occupation({ name }: TargetGroup, { id, serviceArn }: TaskSet): string {
  const [, cluster, service] = serviceArn.split('/')
  const command = `aws ecs delete-task-set --cluster ${cluster} --service ${service} --task-set ${id} --force`
  return `The target group ${name} still holds the tasks of task set ${id}: delete it first (${command}).`
}

function invalid(message: string): never {
  throw new Impossible('ELASTIC_LOAD_BALANCING_INVALID', message)
}
