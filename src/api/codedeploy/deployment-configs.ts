import type {
  CreateDeploymentConfigInput,
  CreateDeploymentConfigOutput,
  DeleteDeploymentConfigInput,
  DeploymentConfigInfo,
  GetDeploymentConfigInput,
  GetDeploymentConfigOutput,
  ListDeploymentConfigsInput,
  ListDeploymentConfigsOutput,
  TrafficRoutingConfig,
} from '@aws-sdk/client-codedeploy'
import type { DeploymentConfig, TrafficRouting } from '../../domain/code-deploy.ts'
import { canary, deploymentConfigOf, linear, predefinedConfigs } from '../../domain/deployment-configs.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { checkComputePlatform, checkName, page } from './resources.ts'

/** AWS: at most 200 of one's own. */
const customConfigs = 200

export function CreateDeploymentConfig(input: CreateDeploymentConfigInput, call: Call): CreateDeploymentConfigOutput {
  const { state } = call.draft
  const name = checkName('DeploymentConfig', input.deploymentConfigName)
  if (state.deploymentConfigs.has(name) || predefinedConfigs.has(name)) {
    throw new ApiError(
      'DeploymentConfigAlreadyExistsException',
      `Deployment Configuration already exists with name: ${name}`,
    )
  }
  if (name.startsWith('CodeDeployDefault.')) {
    throw new ApiError(
      'InvalidDeploymentConfigNameException',
      `The deployment configuration name '${name}' is not valid: it must not start with CodeDeployDefault.`,
    )
  }
  checkComputePlatform(input.computePlatform)
  if (input.minimumHealthyHosts !== undefined) {
    throw new ApiError(
      'InvalidMinimumHealthyHostValueException',
      'minimumHealthyHosts must not be specified for the ECS compute platform',
    )
  }
  if (state.deploymentConfigs.size >= customConfigs) {
    throw new ApiError(
      'DeploymentConfigLimitExceededException',
      `You cannot have more than ${customConfigs} deployment configurations`,
    )
  }
  const config = { id: call.uuid(), name, routing: routingIn(input.trafficRoutingConfig), createdAt: call.now }
  call.draft.put('deploymentConfigs', name, config)
  return { deploymentConfigId: config.id }
}

export function GetDeploymentConfig(input: GetDeploymentConfigInput, call: Call): GetDeploymentConfigOutput {
  return { deploymentConfigInfo: describe(findDeploymentConfig(call.draft.state, input.deploymentConfigName)) }
}

export function ListDeploymentConfigs(input: ListDeploymentConfigsInput, call: Call): ListDeploymentConfigsOutput {
  const names = [...predefinedConfigs.keys(), ...call.draft.state.deploymentConfigs.keys()]
  const { items, nextToken } = page(names, name => name, input.nextToken)
  return { deploymentConfigsList: items, nextToken }
}

/** One that is not there is deleted already. */
export function DeleteDeploymentConfig(input: DeleteDeploymentConfigInput, call: Call): Record<string, never> {
  const name = checkName('DeploymentConfig', input.deploymentConfigName)
  if (predefinedConfigs.has(name)) {
    throw new ApiError('InvalidOperationException', `The predefined deployment configuration ${name} cannot be deleted`)
  }
  const user = [...call.draft.state.deploymentGroups.values()].find(group => group.deploymentConfigName === name)
  if (user !== undefined) {
    throw new ApiError(
      'DeploymentConfigInUseException',
      `The deployment configuration ${name} is still in use by the deployment group ${user.name}`,
    )
  }
  call.draft.delete('deploymentConfigs', name)
  return {}
}

/** Throws DeploymentConfigDoesNotExistException, or what `checkName` throws. */
export function findDeploymentConfig(state: State, name: string | undefined): DeploymentConfig {
  const checked = checkName('DeploymentConfig', name)
  const found = deploymentConfigOf(state, checked)
  if (found === undefined) {
    throw new ApiError('DeploymentConfigDoesNotExistException', `No Deployment Configuration found for name: ${name}`)
  }
  return found
}

/** AWS: a first or repeated share is 1-99 %, and the whole shift takes two days at most. */
function routingIn(config: TrafficRoutingConfig | undefined): TrafficRouting {
  const { type, timeBasedCanary, timeBasedLinear } = config ?? {}
  if (type === 'AllAtOnce') {
    if (timeBasedCanary === undefined && timeBasedLinear === undefined) return { type }
    throw invalidRouting('AllAtOnce has neither timeBasedCanary nor timeBasedLinear')
  }
  if (type === 'TimeBasedCanary') {
    if (timeBasedLinear !== undefined) throw invalidRouting('TimeBasedCanary has no timeBasedLinear')
    const { canaryPercentage, canaryInterval } = timeBasedCanary ?? {}
    return canary(share('canaryPercentage', canaryPercentage), minutes('canaryInterval', canaryInterval, 1))
  }
  if (type === 'TimeBasedLinear') {
    if (timeBasedCanary !== undefined) throw invalidRouting('TimeBasedLinear has no timeBasedCanary')
    const percentage = share('linearPercentage', timeBasedLinear?.linearPercentage)
    const waits = Math.ceil(100 / percentage) - 1
    return linear(percentage, minutes('linearInterval', timeBasedLinear?.linearInterval, waits))
  }
  throw invalidRouting('its type must be TimeBasedCanary, TimeBasedLinear or AllAtOnce')
}

function share(member: string, value: number | undefined): number {
  if (value !== undefined && Number.isInteger(value) && value >= 1 && value <= 99) return value
  throw invalidRouting(`${member} must be a whole number from 1 to 99`)
}

function minutes(member: string, value: number | undefined, times: number): number {
  if (value !== undefined && Number.isInteger(value) && value >= 1 && value * times <= 2880) return value
  throw invalidRouting(`${member} must be at least 1 minute, and the whole shift at most 2880`)
}

function invalidRouting(why: string): ApiError {
  return new ApiError(
    'InvalidTrafficRoutingConfigurationException',
    `The configuration that specifies how traffic is routed during a deployment is invalid: ${why}`,
  )
}

function describe({ id, name, routing, createdAt }: DeploymentConfig): DeploymentConfigInfo {
  return {
    deploymentConfigId: id,
    deploymentConfigName: name,
    createTime: new Date(createdAt),
    computePlatform: 'ECS',
    trafficRoutingConfig: {
      type: routing.type,
      ...(routing.type === 'TimeBasedCanary' && {
        timeBasedCanary: { canaryPercentage: routing.percentage, canaryInterval: routing.intervalMinutes },
      }),
      ...(routing.type === 'TimeBasedLinear' && {
        timeBasedLinear: { linearPercentage: routing.percentage, linearInterval: routing.intervalMinutes },
      }),
    },
  }
}
