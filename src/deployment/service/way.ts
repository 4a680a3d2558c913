/** The stages of ECS's own deployments, in order (AWS: Amazon ECS blue/green deployment lifecycle stages). */

import type {
  DeploymentSettings,
  HookStage,
  LifecycleStage,
  ServiceDeploymentProgress,
} from '../../domain/service-deployment.ts'
import { fullyShifted } from '../traffic.ts'

/** A place on the way: a stage, and what of it goes on. */
export type Place = Pick<ServiceDeploymentProgress, 'stage' | 'phase'>

const way = [
  at('RECONCILE_SERVICE', 'work'),
  at('RECONCILE_SERVICE', 'hooks'),
  at('PRE_SCALE_UP', 'hooks'),
  at('SCALE_UP', 'work'),
  at('POST_SCALE_UP', 'hooks'),
  at('TEST_TRAFFIC_SHIFT', 'work'),
  at('TEST_TRAFFIC_SHIFT', 'hooks'),
  at('POST_TEST_TRAFFIC_SHIFT', 'hooks'),
  at('PRODUCTION_TRAFFIC_SHIFT', 'before'),
  at('PRODUCTION_TRAFFIC_SHIFT', 'work'),
  at('PRODUCTION_TRAFFIC_SHIFT', 'hooks'),
  at('PRODUCTION_TRAFFIC_SHIFT', 'bake'),
  at('POST_PRODUCTION_TRAFFIC_SHIFT', 'hooks'),
  at('BAKE_TIME', 'bake'),
  at('CLEAN_UP', 'work'),
] as const

/** There is no blue: the service's tasks come up where production is. */
const firstWay = [at('SCALE_UP', 'work'), at('CLEAN_UP', 'work')] as const

/** The traffic is on blue with the first commit; then hooks hear of it, and green goes. */
const wayBack = [
  at('PRODUCTION_TRAFFIC_SHIFT', 'work'),
  at('PRODUCTION_TRAFFIC_SHIFT', 'hooks'),
  at('TEST_TRAFFIC_SHIFT', 'hooks'),
  at('CLEAN_UP', 'work'),
] as const

/** Where a deployment begins. @param hasMore whether more task sets than its blue one are there (AWS: RECONCILE_SERVICE) */
export function firstPlace(hasBlue: boolean, hasMore: boolean): Place {
  return hasMore ? way[0] : hasBlue ? way[2] : firstWay[0]
}

/** The place after this one; `undefined`: it was the last. A shift goes round for each of its steps. */
export function placeAfter(
  { stage, phase, shifted, plan }: ServiceDeploymentProgress,
  isRollback: boolean,
): Place | undefined {
  const its: readonly Place[] = isRollback ? wayBack : plan?.blueTaskSetArn === undefined ? firstWay : way
  const isStepDone = stage === 'PRODUCTION_TRAFFIC_SHIFT' && phase === 'bake' && shifted < fullyShifted
  if (isStepDone) return at('PRODUCTION_TRAFFIC_SHIFT', 'before')
  return its[its.findIndex(place => place.stage === stage && place.phase === phase) + 1]
}

export const firstPlaceBack: Place = wayBack[0]

/** Whose hooks run at this place. */
export function hookStageOf({ stage, phase }: Place): HookStage | undefined {
  if (phase === 'before') return 'PRE_PRODUCTION_TRAFFIC_SHIFT'
  // Only stages that have hooks have this phase.
  return phase === 'hooks' ? (stage as HookStage) : undefined
}

/** The share of production after `shifted`, per cent, in steps of 0.1. */
export function shareAfter({ strategy, step }: DeploymentSettings, shifted: number): number {
  if (step === undefined || (strategy === 'CANARY' && shifted > 0)) return fullyShifted
  return Math.min(fullyShifted, Number((shifted + step.percent).toFixed(1)))
}

function at(stage: LifecycleStage, phase: ServiceDeploymentProgress['phase']): Place {
  return { stage, phase }
}
