import type { DeploymentConfig, TrafficRouting } from './code-deploy.ts'
import type { State } from './state.ts'

/** What a deployment group of the platform ECS has where it names none. */
export const defaultConfigName = 'CodeDeployDefault.ECSAllAtOnce'

/**
 * AWS's own configurations for ECS, which are always there (AWS: Deployment configurations on an Amazon ECS compute platform).
 * AWS allows an NLB only the first one; our listeners have true weights, so that all of them work here.
 */
export const predefinedConfigs: ReadonlyMap<string, DeploymentConfig> = new Map(
  (
    [
      [defaultConfigName, { type: 'AllAtOnce' }],
      ['CodeDeployDefault.ECSLinear10PercentEvery1Minutes', linear(10, 1)],
      ['CodeDeployDefault.ECSLinear10PercentEvery3Minutes', linear(10, 3)],
      ['CodeDeployDefault.ECSCanary10Percent5Minutes', canary(10, 5)],
      ['CodeDeployDefault.ECSCanary10Percent15Minutes', canary(10, 15)],
    ] as const
  ).map(([name, routing], i) => [
    name,
    { id: `00000000-0000-0000-0000-${String(i + 1).padStart(12, '0')}`, name, routing, createdAt: 0 },
  ]),
)

/** AWS's own or the user's configuration of this name. */
export function deploymentConfigOf(
  { deploymentConfigs }: Pick<State, 'deploymentConfigs'>,
  name: string,
): DeploymentConfig | undefined {
  return predefinedConfigs.get(name) ?? deploymentConfigs.get(name)
}

export function canary(percentage: number, intervalMinutes: number): TrafficRouting {
  return { type: 'TimeBasedCanary', percentage, intervalMinutes }
}

export function linear(percentage: number, intervalMinutes: number): TrafficRouting {
  return { type: 'TimeBasedLinear', percentage, intervalMinutes }
}
