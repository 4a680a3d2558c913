import type { BalancedTarget } from './balanced-target.ts'

/** Fewer targets than that have no norm (AWS: Automatic Target Weights). */
const fewestTargets = 3
/** By then what a request told counts for 1/e. */
const memoryMs = 10_000
/** What is left to the worst target, so that its recovery is seen. */
const leastWeight = 1 / 64

/**
 * Judges the targets that serve by the errors of their latest requests: anomalous is who fails clearly more often than all others
 * taken together, chance excluded. With mitigation its weight halves with every judgement until it is negligible, and doubles again
 * once its errors are gone (AWS: Automatic Target Weights, which gives no figures).
 * @param elapsedMs since the last judgement
 * @returns keys of those that are anomalous
 */
export function judge(serving: readonly BalancedTarget[], mitigates: boolean, elapsedMs: number): readonly string[] {
  let requests = 0
  let failures = 0
  for (const its of serving) {
    requests += its.requests
    failures += its.failures
  }
  const kept = Math.exp(-elapsedMs / memoryMs)
  const anomalous: string[] = []
  for (const its of serving) {
    its.isAnomalous =
      serving.length >= fewestTargets &&
      isOutlier(its.requests, its.failures, requests - its.requests, failures - its.failures)
    if (its.isAnomalous) anomalous.push(its.key)
    if (!mitigates) its.weight = 1
    else its.weight = its.isAnomalous ? Math.max(leastWeight, its.weight / 2) : Math.min(1, its.weight * 2)
    its.requests *= kept
    its.failures *= kept
  }
  return anomalous
}

/** Whether so many failures are more than twice the others' rate and more than three standard deviations, and three, above it. */
function isOutlier(requests: number, failures: number, othersRequests: number, othersFailures: number): boolean {
  const rate = othersRequests === 0 ? 0 : othersFailures / othersRequests
  const expected = requests * rate
  return failures > 2 * expected && failures > expected + 3 * Math.sqrt(expected * (1 - rate)) + 3
}
