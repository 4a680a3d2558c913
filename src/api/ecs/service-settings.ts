import type {
  CreateServiceRequest,
  CreateTaskSetRequest,
  DeploymentConfiguration,
  NetworkConfiguration,
  UpdateServiceRequest,
} from '@aws-sdk/client-ecs'
import type { EcsService } from '../../domain/ecs-service.ts'
import type { TaskDefinition } from '../../domain/task-definition.ts'
import { deploymentIn } from './deployment-settings.ts'
import { invalid, pick } from './resources.ts'

/** What says where and how tasks run: it is recorded with a task set, and nothing here depends on it. */
export const placementMembers = [
  'launchType',
  'capacityProviderStrategy',
  'platformVersion',
  'networkConfiguration',
  'serviceRegistries',
  'serviceConnectConfiguration',
  'volumeConfigurations',
  'vpcLatticeConfigurations',
] as const

const recordedMembers = [
  ...placementMembers,
  'placementConstraints',
  'placementStrategy',
  'enableECSManagedTags',
  'propagateTags',
  'enableExecuteCommand',
  'availabilityZoneRebalancing',
]

/** What of a request is given back only. */
export function recordedIn(
  input: CreateServiceRequest | UpdateServiceRequest | CreateTaskSetRequest,
): Record<string, unknown> {
  const { networkConfiguration: network } = input
  return { ...pick(input, recordedMembers), ...(network ? { networkConfiguration: withDefaults(network) } : {}) }
}

type Placement = Pick<CreateServiceRequest, 'launchType' | 'capacityProviderStrategy'>

/** EC2 unless the request says otherwise (AWS: launchType). */
export function launchTypeIn({ launchType, capacityProviderStrategy }: Placement) {
  if (!capacityProviderStrategy?.length) return { launchType: launchType ?? 'EC2' }
  if (launchType === undefined) return {}
  throw invalid(
    'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
  )
}

/** AWS wants one with the network mode awsvpc, and none with another. */
export function checkNetwork(network: NetworkConfiguration | undefined, definition: TaskDefinition): void {
  const isWanted = definition.registered.networkMode === 'awsvpc'
  if (isWanted === (network?.awsvpcConfiguration !== undefined)) return
  throw invalid(
    isWanted
      ? "Network Configuration must be provided when networkMode 'awsvpc' is specified."
      : 'Network Configuration is not valid for the given networkMode of this task definition.',
  )
}

type Rollout = Pick<EcsService, 'minimumHealthyPercent' | 'maximumPercent' | 'circuitBreaker' | 'deployment'>

/** AWS's defaults for rolling updates. */
export const defaultRollout: Rollout = {
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: { enable: false, rollback: false },
}

/** What is not given stays as it is `before`. */
export function rolloutIn(
  controller: EcsService['controller'],
  given: DeploymentConfiguration | undefined,
  before: Rollout,
): Rollout {
  if (controller !== 'ECS') refuseSettings(controller, given)
  const { enable, rollback } = given?.deploymentCircuitBreaker ?? before.circuitBreaker
  const deployment = deploymentIn(given, before.deployment)
  const rollout = {
    minimumHealthyPercent: given?.minimumHealthyPercent ?? before.minimumHealthyPercent,
    maximumPercent: given?.maximumPercent ?? before.maximumPercent,
    circuitBreaker: { enable: enable ?? false, rollback: rollback ?? false },
    ...(deployment && controller === 'ECS' && { deployment }),
  }
  if (rollout.maximumPercent <= rollout.minimumHealthyPercent && rollout.maximumPercent <= 100) {
    throw invalid('maximumPercent must be over 100% or the minimumHealthyPercent must be under 100%.')
  }
  return rollout
}

function refuseSettings(controller: string, given: DeploymentConfiguration = {}): void {
  const { strategy = 'ROLLING', alarms } = given
  const instead = 'specify the deployment controller ECS'
  if (strategy !== 'ROLLING') {
    throw invalid(
      `The deployment strategy ${strategy} is not supported with the deployment controller ${controller}; ${instead}.`,
    )
  }
  if (alarms?.enable) {
    throw invalid(`Alarms of a service are not supported with the deployment controller ${controller}; ${instead}.`)
  }
}

function withDefaults({ awsvpcConfiguration: awsvpc }: NetworkConfiguration): NetworkConfiguration {
  if (awsvpc === undefined) return {}
  return { awsvpcConfiguration: { securityGroups: [], assignPublicIp: 'DISABLED', ...awsvpc } }
}
