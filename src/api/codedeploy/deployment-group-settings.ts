import type {
  AlarmConfiguration,
  AutoRollbackConfiguration,
  BlueGreenDeploymentConfiguration,
  CreateDeploymentGroupInput,
  DeploymentStyle,
  ECSService,
  LoadBalancerInfo,
  UpdateDeploymentGroupInput,
} from '@aws-sdk/client-codedeploy'
import type { AlarmWatch, AutoRollbackEvent, DeploymentGroup } from '../../domain/code-deploy.ts'
import { defaultConfigName } from '../../domain/deployment-configs.ts'
import type { Listener } from '../../domain/load-balancer.ts'
import type { Call } from '../call.ts'
import { checkForward } from '../elbv2/forward.ts'
import { ApiError } from '../errors.ts'
import { findDeploymentConfig } from './deployment-configs.ts'
import { serviceArnOf } from './resources.ts'

/** What CreateDeploymentGroup and UpdateDeploymentGroup set. */
export type Settings = Omit<DeploymentGroup, 'id' | 'name' | 'applicationName' | 'createdAt' | 'tags'>

type Input = Omit<CreateDeploymentGroupInput | UpdateDeploymentGroupInput, 'serviceRoleArn'> & {
  readonly serviceRoleArn?: string | undefined
}

/** Settings of a new group. Throws AWS's error for the first member that is missing or wrong. */
export function firstSettings(input: Input, call: Call): Settings {
  refuseServerMembers(input)
  checkStyle(input.deploymentStyle)
  return {
    deploymentConfigName: configIn(input.deploymentConfigName ?? defaultConfigName, call),
    serviceRoleArn: roleIn(input.serviceRoleArn),
    ...serviceIn(input.ecsServices, undefined, call),
    ...routingIn(input.loadBalancerInfo, call),
    ...optionsIn(input.blueGreenDeploymentConfiguration, {
      readyOption: { action: 'CONTINUE_DEPLOYMENT', waitMinutes: 0 },
      termination: { action: 'TERMINATE', waitMinutes: 0 },
    }),
    autoRollback: rollbackEventsIn(input.autoRollbackConfiguration),
    alarms: alarmsIn(input.alarmConfiguration),
    recorded: recordedIn(input),
  }
}

/** The settings of `group` with those that are given in their places; throws as `firstSettings` does. */
export function changedSettings(group: DeploymentGroup, input: Input, call: Call): Settings {
  refuseServerMembers(input)
  if (input.deploymentStyle !== undefined) checkStyle(input.deploymentStyle)
  return {
    deploymentConfigName:
      input.deploymentConfigName === undefined
        ? group.deploymentConfigName
        : configIn(input.deploymentConfigName, call),
    serviceRoleArn: input.serviceRoleArn === undefined ? group.serviceRoleArn : roleIn(input.serviceRoleArn),
    ...(input.ecsServices === undefined ? servicePart(group) : serviceIn(input.ecsServices, group, call)),
    ...(input.loadBalancerInfo === undefined ? routingPart(group) : routingIn(input.loadBalancerInfo, call)),
    ...optionsIn(input.blueGreenDeploymentConfiguration, group),
    autoRollback:
      input.autoRollbackConfiguration === undefined
        ? group.autoRollback
        : rollbackEventsIn(input.autoRollbackConfiguration),
    alarms: input.alarmConfiguration === undefined ? group.alarms : alarmsIn(input.alarmConfiguration),
    recorded: { ...group.recorded, ...recordedIn(input) },
  }
}

/** Empty where it is switched off. */
export function rollbackEventsIn(configuration: AutoRollbackConfiguration | undefined): readonly AutoRollbackEvent[] {
  const events = [...new Set(configuration?.events ?? [])]
  const known: readonly string[] = ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST']
  const wrong = events.find(event => !known.includes(event))
  const refuse = (why: string) => new ApiError('InvalidAutoRollbackConfigException', why)
  if (wrong !== undefined) throw refuse(`Invalid auto rollback event: ${wrong}; it must be one of ${known.join(', ')}`)
  if (!configuration?.enabled) return []
  if (events.length === 0) throw refuse('Automatic rollback is enabled, but no event types were listed')
  return events
}

/** AWS: at most ten alarms, each once, and one at least where watching is switched on. */
export function alarmsIn(configuration: AlarmConfiguration | undefined): AlarmWatch {
  const names = (configuration?.alarms ?? []).map(({ name = '' }) => name)
  const refuse = (why: string) => new ApiError('InvalidAlarmConfigException', why)
  if (names.some(name => name === '' || name.length > 255)) throw refuse('An alarm name has 1 to 255 characters')
  if (new Set(names).size < names.length) throw refuse('Two alarms with the same name have been specified')
  if (names.length > 10) {
    throw new ApiError(
      'AlarmsLimitExceededException',
      'The maximum number of alarms for a deployment group (10) was exceeded.',
    )
  }
  if (configuration?.enabled && names.length === 0) {
    throw refuse('The alarm configuration is enabled, but the alarm list is empty')
  }
  return {
    names: configuration?.enabled ? names : [],
    ignorePollAlarmFailure: configuration?.ignorePollAlarmFailure ?? false,
  }
}

function refuseServerMembers(input: Input): void {
  const lists = ['ec2TagFilters', 'onPremisesInstanceTagFilters', 'autoScalingGroups'] as const
  const wrong =
    lists.find(member => (input[member]?.length ?? 0) > 0) ??
    (['ec2TagSet', 'onPremisesTagSet'] as const).find(member => input[member] !== undefined)
  if (wrong === undefined) return
  throw new ApiError('InvalidInputException', `For ECS deployment group, ${wrong} must not be specified`)
}

function checkStyle(style: DeploymentStyle | undefined): void {
  if (style?.deploymentType === 'BLUE_GREEN' && style.deploymentOption === 'WITH_TRAFFIC_CONTROL') return
  throw new ApiError(
    'InvalidDeploymentStyleException',
    'For ECS deployment group, deploymentStyle must be BLUE_GREEN and WITH_TRAFFIC_CONTROL',
  )
}

function configIn(name: string, call: Call): string {
  return findDeploymentConfig(call.draft.state, name).name
}

function roleIn(arn: string | undefined): string {
  if (arn === undefined || arn === '') throw new ApiError('RoleRequiredException', 'The role ARN is required')
  if (/^arn:aws[a-z-]*:iam::\d+:role\/.+$/.test(arn)) return arn
  throw new ApiError('InvalidRoleException', `The service role ARN '${arn}' was specified in an invalid format`)
}

/** AWS: exactly one service, of the controller CODE_DEPLOY, which no other group has. */
function serviceIn(
  services: readonly ECSService[] | undefined,
  group: DeploymentGroup | undefined,
  call: Call,
): Pick<Settings, 'clusterName' | 'serviceName'> {
  const refuse = (why: string) => new ApiError('InvalidECSServiceException', why)
  const [{ clusterName, serviceName } = {}, ...more] = services ?? []
  if (!clusterName || !serviceName || more.length > 0) {
    throw refuse('For ECS deployment group, ecsServices must contain exactly one clusterName and serviceName')
  }
  const service = call.draft.state.services.get(serviceArnOf(call, { clusterName, serviceName }))
  if (service?.status !== 'ACTIVE') {
    throw refuse(`The Amazon ECS service ${serviceName} could not be found in the cluster ${clusterName}`)
  }
  if (service.controller !== 'CODE_DEPLOY') {
    throw refuse("Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.")
  }
  for (const other of call.draft.state.deploymentGroups.values()) {
    if (other.id === group?.id || other.clusterName !== clusterName || other.serviceName !== serviceName) continue
    throw new ApiError(
      'ECSServiceMappingLimitExceededException',
      `The Amazon ECS service ${serviceName} is already associated with the deployment group ${other.name} of ${other.applicationName}`,
    )
  }
  return { clusterName, serviceName }
}

function servicePart({ clusterName, serviceName }: DeploymentGroup): Pick<Settings, 'clusterName' | 'serviceName'> {
  return { clusterName, serviceName }
}

type Routing = Pick<Settings, 'targetGroupPair' | 'productionListenerArn' | 'testListenerArn'>

function routingPart({ targetGroupPair, productionListenerArn, testListenerArn }: DeploymentGroup): Routing {
  return { targetGroupPair, productionListenerArn, ...(testListenerArn !== undefined && { testListenerArn }) }
}

/** AWS: one pair of target groups and one listener per route, all of one load balancer. */
function routingIn(info: LoadBalancerInfo | undefined, call: Call): Routing {
  if (info?.elbInfoList?.length) {
    throw invalidLoadBalancer('For ECS deployment group, loadBalancerInfo must not contain elbInfo list')
  }
  if (info?.targetGroupInfoList?.length) {
    throw invalidLoadBalancer('For ECS deployment group, loadBalancerInfo must not contain targetGroupInfo list')
  }
  const [pair, ...more] = info?.targetGroupPairInfoList ?? []
  if (pair === undefined || more.length > 0) {
    throw invalidLoadBalancer('For ECS deployment group, loadBalancerInfo must contain exactly one target group pair')
  }
  const [production, ...others] = pair.prodTrafficRoute?.listenerArns ?? []
  if (production === undefined || others.length > 0) {
    throw invalidLoadBalancer('The production traffic route must contain exactly one listener ARN')
  }
  const [test, ...surplus] = pair.testTrafficRoute?.listenerArns ?? []
  if (surplus.length > 0) throw invalidLoadBalancer('The test traffic route must contain at most one listener ARN')
  const listeners = [findListener(production, call), ...(test === undefined ? [] : [findListener(test, call)])]
  if (production === test)
    throw invalidLoadBalancer('The test listener must be another one than the production listener')
  if (new Set(listeners.map(listener => listener.loadBalancerArn)).size > 1) {
    throw invalidLoadBalancer('The production and the test listener must belong to the same load balancer')
  }
  return {
    targetGroupPair: pairIn(pair.targetGroups?.map(({ name = '' }) => name) ?? [], listeners, call),
    productionListenerArn: production,
    ...(test !== undefined && { testListenerArn: test }),
  }
}

function pairIn(names: readonly string[], listeners: readonly Listener[], call: Call): Settings['targetGroupPair'] {
  const { state } = call.draft
  const refuse = (why: string) =>
    new ApiError(
      'InvalidTargetGroupPairException',
      'A deployment group associated with an application that uses the ECS compute platform must contain a valid pair of ' +
        `target groups that identify a load balancer: ${why}`,
    )
  const [one, other, ...more] = names
  if (one === undefined || other === undefined || one === other || more.length > 0) {
    throw refuse('exactly two different target group names must be specified')
  }
  const forward = names.map(name => {
    const group = state.targetGroups.values().find(each => each.name === name)
    if (group === undefined) throw refuse(`the target group ${name} could not be found`)
    return { targetGroupArn: group.arn, weight: 0 }
  })
  for (const { loadBalancerArn, port, protocol } of listeners) {
    const loadBalancer = state.loadBalancers.get(loadBalancerArn)
    if (loadBalancer === undefined) continue
    try {
      checkForward(state, { loadBalancer, port, protocol }, { forward })
    } catch (error) {
      throw error instanceof ApiError ? refuse(error.message) : error
    }
  }
  return [one, other]
}

function findListener(arn: string, call: Call): Listener {
  const listener = call.draft.state.listeners.get(arn)
  if (listener === undefined) throw invalidLoadBalancer(`The listener ${arn} could not be found`)
  return listener
}

function invalidLoadBalancer(why: string): ApiError {
  return new ApiError('InvalidLoadBalancerInfoException', why)
}

type Options = Pick<Settings, 'readyOption' | 'termination'>

function optionsIn(configuration: BlueGreenDeploymentConfiguration | undefined, before: Options): Options {
  const refuse = (why: string) => new ApiError('InvalidBlueGreenDeploymentConfigurationException', why)
  const { deploymentReadyOption: ready, terminateBlueInstancesOnDeploymentSuccess: ending } = configuration ?? {}
  if (configuration?.greenFleetProvisioningOption !== undefined) {
    throw refuse('For ECS deployment group, greenFleetProvisioningOption must not be specified')
  }
  const readyAction = ready?.actionOnTimeout ?? 'CONTINUE_DEPLOYMENT'
  const endingAction = ending?.action ?? 'TERMINATE'
  if (readyAction !== 'CONTINUE_DEPLOYMENT' && readyAction !== 'STOP_DEPLOYMENT') {
    throw refuse('actionOnTimeout must be CONTINUE_DEPLOYMENT or STOP_DEPLOYMENT')
  }
  if (endingAction !== 'TERMINATE' && endingAction !== 'KEEP_ALIVE') {
    throw refuse('The action on the original task set must be TERMINATE or KEEP_ALIVE')
  }
  const minutes = (member: string, value: number | undefined, limit: number): number => {
    if (value === undefined) return 0
    if (Number.isInteger(value) && value >= 0 && value <= limit) return value
    throw refuse(`${member} must be a whole number from 0 to ${limit}`)
  }
  // AWS: at most 120 hours before traffic shifts, and 48 hours before blue is terminated.
  const readyMinutes = minutes('waitTimeInMinutes', ready?.waitTimeInMinutes, 7200)
  const endingMinutes = minutes('terminationWaitTimeInMinutes', ending?.terminationWaitTimeInMinutes, 2880)
  if (readyAction === 'CONTINUE_DEPLOYMENT' && readyMinutes > 0) {
    throw refuse('waitTimeInMinutes must not be specified with CONTINUE_DEPLOYMENT: traffic is rerouted at once')
  }
  return {
    readyOption: ready === undefined ? before.readyOption : { action: readyAction, waitMinutes: readyMinutes },
    termination: ending === undefined ? before.termination : { action: endingAction, waitMinutes: endingMinutes },
  }
}

/** Given back as it came. Nobody is notified by triggers here. */
function recordedIn(input: Input): DeploymentGroup['recorded'] {
  const { triggerConfigurations, alarmConfiguration, autoRollbackConfiguration, outdatedInstancesStrategy } = input
  if ((triggerConfigurations?.length ?? 0) > 10) {
    throw new ApiError('TriggerTargetsLimitExceededException', 'The maximum allowed number of triggers was exceeded.')
  }
  return {
    ...(triggerConfigurations && { triggerConfigurations }),
    ...(alarmConfiguration && { alarmConfiguration }),
    ...(autoRollbackConfiguration && { autoRollbackConfiguration }),
    ...(outdatedInstancesStrategy && { outdatedInstancesStrategy }),
  }
}
