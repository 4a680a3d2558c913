import type { DeploymentLifecycleHook as SdkHook } from '@aws-sdk/client-ecs'
import type { LifecycleHook } from '../../domain/service-deployment.ts'
import { invalid } from './resources.ts'

/** AWS: DeploymentLifecycleHookTimeoutConfiguration. */
const defaultTimeout = { minutes: 1440, action: 'ROLLBACK' } as const

/** Throws InvalidParameterException, where AWS's troubleshooting of blue/green deployments has a text with that one. */
export function hooksIn(hooks: readonly SdkHook[]): readonly LifecycleHook[] {
  return hooks.map(({ targetType = 'AWS_LAMBDA', hookTargetArn, roleArn, lifecycleStages, hookDetails, ...its }) => {
    if (targetType !== 'AWS_LAMBDA' && targetType !== 'PAUSE') {
      throw invalid('Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE')
    }
    const stages = lifecycleStages ?? []
    if (stages.length === 0) throw invalid('lifecycleStages must be specified for all lifecycle hooks.')
    if (targetType === 'AWS_LAMBDA' && !hookTargetArn) {
      throw invalid('hookTargetArn must be specified for AWS_LAMBDA lifecycle hooks.')
    }
    if (targetType === 'PAUSE') {
      if (hookTargetArn || roleArn || hookDetails !== undefined) {
        throw invalid('hookTargetArn, roleArn and hookDetails must not be specified for PAUSE lifecycle hooks.')
      }
      if (stages.includes('TEST_TRAFFIC_SHIFT') || stages.includes('PRODUCTION_TRAFFIC_SHIFT')) {
        throw invalid('Invalid lifecycle stage provided for Pause Hook')
      }
    }
    const { timeoutInMinutes = defaultTimeout.minutes, action = defaultTimeout.action } = its.timeoutConfiguration ?? {}
    return {
      targetType,
      ...(hookTargetArn && { hookTargetArn }),
      ...(roleArn && { roleArn }),
      stages,
      ...(hookDetails !== undefined && { details: hookDetails }),
      timeout: { minutes: timeoutInMinutes, action },
    }
  })
}

export function describeHook({ targetType, hookTargetArn, roleArn, stages, details, timeout }: LifecycleHook): SdkHook {
  return {
    targetType,
    hookTargetArn,
    roleArn,
    lifecycleStages: [...stages],
    hookDetails: details as SdkHook['hookDetails'],
    timeoutConfiguration: { timeoutInMinutes: timeout.minutes, action: timeout.action },
  }
}
