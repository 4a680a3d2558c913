import type { DeploymentConfiguration } from '@aws-sdk/client-ecs'
import type { EcsService } from '../../domain/ecs-service.ts'
import type { DeploymentSettings, DeploymentStrategy } from '../../domain/service-deployment.ts'
import { describeHook, hooksIn } from './lifecycle-hooks.ts'
import { invalid } from './resources.ts'

/** What a service without settings has. */
const rolling: DeploymentSettings = { strategy: 'ROLLING', bakeMinutes: 0, hooks: [] }

/** Steps of LINEAR and CANARY: their bounds, and what AWS takes where nothing is given. */
const steps = {
  LINEAR: { member: 'linearConfiguration.stepPercent', least: 3, percent: 10, bakeMinutes: 6 },
  CANARY: { member: 'canaryConfiguration.canaryPercent', least: 0.1, percent: 5, bakeMinutes: 10 },
} as const

/**
 * How a service with the controller ECS is to deploy; what is not given stays as it is `before`, as far as the strategy has it.
 * `undefined`: by rolling updates and with nothing else said, as it was before. Throws InvalidParameterException.
 */
export function deploymentIn(
  given: DeploymentConfiguration | undefined,
  before: DeploymentSettings | undefined,
): DeploymentSettings | undefined {
  if (given === undefined) return before
  refuseMembers(given)
  const strategy = given.strategy ?? before?.strategy ?? 'ROLLING'
  const alarms = alarmsIn(given) ?? before?.alarms
  refuseForeign(given, strategy)
  if (strategy === 'ROLLING') {
    return alarms === undefined && before === undefined ? undefined : { ...rolling, ...(alarms && { alarms }) }
  }
  const shifted = before?.strategy === 'ROLLING' ? undefined : before
  const bakeMinutes = given.bakeTimeInMinutes ?? shifted?.bakeMinutes
  if (strategy === 'BLUE_GREEN' && bakeMinutes === undefined) {
    throw invalid('bakeTimeInMinutes must be specified when using the BLUE_GREEN deployment strategy.')
  }
  const step = stepIn(given, strategy, before)
  return {
    strategy,
    bakeMinutes: bakeMinutes ?? 0,
    ...(step && { step }),
    hooks: given.lifecycleHooks === undefined ? (shifted?.hooks ?? []) : hooksIn(given.lifecycleHooks),
    ...(alarms && { alarms }),
  }
}

/** With the rollout's part, as AWS gives it back (AWS: DeploymentConfiguration). */
export function describeSettings(
  settings: DeploymentSettings = rolling,
  rollout: Pick<EcsService, 'minimumHealthyPercent' | 'maximumPercent' | 'circuitBreaker'>,
): DeploymentConfiguration {
  const { strategy, bakeMinutes, step, hooks, alarms } = settings
  return {
    minimumHealthyPercent: rollout.minimumHealthyPercent,
    maximumPercent: rollout.maximumPercent,
    deploymentCircuitBreaker: { ...rollout.circuitBreaker },
    strategy,
    ...(strategy === 'ROLLING' ? {} : { bakeTimeInMinutes: bakeMinutes, lifecycleHooks: hooks.map(describeHook) }),
    ...(step && strategy === 'LINEAR'
      ? { linearConfiguration: { stepPercent: step.percent, stepBakeTimeInMinutes: step.bakeMinutes } }
      : {}),
    ...(step && strategy === 'CANARY'
      ? { canaryConfiguration: { canaryPercent: step.percent, canaryBakeTimeInMinutes: step.bakeMinutes } }
      : {}),
    ...(alarms && { alarms: { alarmNames: [...alarms.names], enable: alarms.enable, rollback: alarms.rollback } }),
  }
}

function alarmsIn({ alarms }: DeploymentConfiguration): DeploymentSettings['alarms'] {
  if (alarms === undefined) return undefined
  const { alarmNames = [], enable = false, rollback = false } = alarms
  if (enable && alarmNames.length === 0) throw invalid('alarmNames must be specified when alarms are enabled.')
  return { names: alarmNames, enable, rollback }
}

function stepIn(
  given: DeploymentConfiguration,
  strategy: DeploymentStrategy,
  before: DeploymentSettings | undefined,
): DeploymentSettings['step'] {
  if (strategy !== 'LINEAR' && strategy !== 'CANARY') return undefined
  const { member, least, ...defaults } = steps[strategy]
  const { linearConfiguration: linear, canaryConfiguration: canary } = given
  if (linear === undefined && canary === undefined && before?.strategy === strategy) return before.step
  const percent = linear?.stepPercent ?? canary?.canaryPercent ?? defaults.percent
  const bakeMinutes = linear?.stepBakeTimeInMinutes ?? canary?.canaryBakeTimeInMinutes ?? defaults.bakeMinutes
  // Tenths are no binary fractions: 16.1 times 10 is 161 only when rounded.
  const isTenths = Math.abs(percent * 10 - Math.round(percent * 10)) < 1e-9
  if (percent < least || percent > 100 || !isTenths) {
    throw invalid(`${member} must be a multiple of 0.1 from ${least.toFixed(1)} to 100.0.`)
  }
  return { percent, bakeMinutes }
}

/** What the strategy does not have. */
function refuseForeign(given: DeploymentConfiguration, strategy: DeploymentStrategy): void {
  const refuse = (member: string, strategies: string) =>
    invalid(`${member} is only supported with the deployment ${strategies}.`)
  if (given.linearConfiguration !== undefined && strategy !== 'LINEAR') {
    throw refuse('linearConfiguration', 'strategy LINEAR')
  }
  if (given.canaryConfiguration !== undefined && strategy !== 'CANARY') {
    throw refuse('canaryConfiguration', 'strategy CANARY')
  }
  if (strategy !== 'ROLLING') return
  const shifting = 'strategies BLUE_GREEN, LINEAR and CANARY'
  if (given.bakeTimeInMinutes) throw refuse('bakeTimeInMinutes', shifting)
  if (given.lifecycleHooks?.length) throw refuse('lifecycleHooks', shifting)
}

/** Members newer than what is here: what they default to is as good as absent. */
function refuseMembers({ earlySuccessCriteria, deploymentCircuitBreaker }: DeploymentConfiguration): void {
  if (earlySuccessCriteria?.enable) throw invalid('earlySuccessCriteria is not offered here yet; leave it out.')
  const { resetOnHealthyTask = true, thresholdConfiguration } = deploymentCircuitBreaker ?? {}
  const { type = 'BOUNDED_PERCENT', value = 50 } = thresholdConfiguration ?? {}
  if (!resetOnHealthyTask || type !== 'BOUNDED_PERCENT' || value !== 50) {
    throw invalid(
      "Of the deployment circuit breaker only AWS's defaults are offered here yet: resetOnHealthyTask true, thresholdConfiguration BOUNDED_PERCENT 50.",
    )
  }
}
