import type { EcsService } from '../domain/ecs-service.ts'

/** How well a place of an older deployment is filled: the first are given up first. */
export const grades = ['vacant', 'starting', 'failing', 'unknown', 'healthy'] as const

export type Grade = (typeof grades)[number]

/** A place of an older deployment. */
export interface Slot {
  readonly taskSetArn: string
  readonly grade: Grade
}

/** What a rolling update has reached. */
export interface Progress {
  readonly desired: number
  /** How many must be healthy, and how many may run or start at most (`bounds`). */
  readonly minimum: number
  readonly maximum: number
  /** The new deployment: its tasks, those of them that are healthy, and how many more it would start now. */
  readonly live: number
  readonly healthy: number
  readonly missing: number
  /** The older deployments' places, the worst first. */
  readonly slots: readonly Slot[]
}

/** Minimum and maximum of a service's tasks (AWS: the minimum is rounded up, the maximum down). */
export function bounds(service: Pick<EcsService, 'desiredCount' | 'minimumHealthyPercent' | 'maximumPercent'>) {
  const { desiredCount, minimumHealthyPercent, maximumPercent } = service
  return {
    minimum: Math.ceil((desiredCount * minimumHealthyPercent) / 100),
    maximum: Math.max(desiredCount, Math.floor((desiredCount * maximumPercent) / 100)),
  }
}

/**
 * Which places of older deployments stay: those that the new deployment's healthy tasks don't replace yet, less those that must make
 * room where the maximum leaves none. Healthy ones go only while the minimum stays; so do those of which nothing is known.
 */
export function slotsToKeep({ desired, minimum, maximum, live, healthy, missing, slots }: Progress): readonly Slot[] {
  const serves = ({ grade }: Slot) => grade === 'healthy' || grade === 'unknown'
  const occupied = slots.filter(({ grade }) => grade !== 'vacant').length
  let excess = slots.length - Math.max(0, desired - healthy)
  let inTheWay = live + missing + occupied - maximum
  let spare = healthy + slots.filter(serves).length - minimum
  return slots.filter(slot => {
    const goes = excess > 0 || (inTheWay > 0 && slot.grade !== 'vacant')
    if (!goes || (serves(slot) && spare <= 0)) return true
    excess--
    if (slot.grade !== 'vacant') inTheWay--
    if (serves(slot)) spare--
    return false
  })
}
