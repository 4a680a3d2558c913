/** Since when something is not as it should be, which ends a deployment of either kind if it lasts. */
import type { DeploymentProgress } from '../domain/code-deploy.ts'

/** For so long the new side may lack tasks before the deployment fails (AWS: a scaling event during the shift). */
export const longestUnsteadyMs = 5 * 60_000
/** The node tries again and again to put a listener in place; after this the deployment takes it for refused. */
export const longestRefusedMs = 60_000
/** For so long a rollback waits for a healthy task of the original side before it leaves both as they are. */
export const longestBlueWaitMs = 5 * 60_000

type Marks = Pick<DeploymentProgress, 'refusedSince' | 'unsteadySince'>

/** The same object where nothing began or ended. */
export function withMarks<P extends Marks>(progress: P, isRefused: boolean, isUnsteady: boolean, now: number): P {
  const { refusedSince, unsteadySince, ...rest } = progress
  if (isRefused === (refusedSince !== undefined) && isUnsteady === (unsteadySince !== undefined)) return progress
  const marks: Marks = {
    ...(isRefused && { refusedSince: refusedSince ?? now }),
    ...(isUnsteady && { unsteadySince: unsteadySince ?? now }),
  }
  return { ...rest, ...marks } as P
}

/** When the marks end the deployment. */
export function markedEnds({ progress }: { readonly progress: Marks }): readonly (number | undefined)[] {
  const { refusedSince, unsteadySince } = progress
  return [
    refusedSince === undefined ? undefined : refusedSince + longestRefusedMs,
    unsteadySince === undefined ? undefined : unsteadySince + longestUnsteadyMs,
  ]
}
