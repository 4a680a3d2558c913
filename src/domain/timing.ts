export const timingProfiles = ['instant', 'aws-alb', 'aws-nlb', 'aws'] as const

/** Which of AWS's delays are played: `--timing`, `--time-scale`, `--timing-seed`. */
export interface Timing {
  /** `aws`: each load balancer as its type has it. `aws-alb` and `aws-nlb`: those of that type alone, the others at once. */
  readonly profile: (typeof timingProfiles)[number]
  /** So many times as fast as AWS. */
  readonly scale: number
  /** Of what is random; 32 bits. */
  readonly seed: number
}

export const instant: Timing = { profile: 'instant', scale: 1, seed: 0 }

/** Whether a load balancer of this type takes AWS's time. */
export function isAwsTimed({ profile }: Timing, type: 'application' | 'network'): boolean {
  return profile === 'aws' || profile === (type === 'network' ? 'aws-nlb' : 'aws-alb')
}

/** What ECS itself waits on top in each traffic shift behind a Network Load Balancer, until its data plane has followed (AWS: Amazon ECS blue/green service deployments). */
const shiftAllowance = 10 * 60_000

/** How long an ECS deployment's traffic shift is waited for in addition, milliseconds; 0 where AWS's delays are not played. */
export function shiftAllowanceMs(timing: Timing, type: 'application' | 'network'): number {
  return type === 'network' && isAwsTimed(timing, type) ? shiftAllowance / timing.scale : 0
}

/** In words, for the operator: `aws-nlb, 60 times as fast, seed 7`. `undefined` where no delays are played. */
export function printTiming({ profile, scale, seed }: Timing): string | undefined {
  if (profile === 'instant') return undefined
  return `${profile}${scale === 1 ? '' : `, ${scale} times as fast`}, seed ${seed}`
}
