import { groupsById, type RoutedGroup, type Snapshot } from '../domain/snapshot.ts'
import type { State } from '../domain/state.ts'
import { type Route, routedIn, type Sides } from './sides.ts'
import type { Span } from './timeline.ts'

/** What a lane shows at one moment. */
export type Shown = Pick<Span, 'state' | 'detail'>

/**
 * What somebody gets who asks a route now: of which colours the targets are that would answer. A share without any is an outage, if not
 * everybody's.
 *
 * @param answers whether a connection to this address finds a service
 */
export function answerOf(
  snapshot: Snapshot,
  state: State,
  sides: Sides,
  route: Route,
  answers: (address: string) => boolean,
): Shown {
  const listener = snapshot.listeners.find(({ listenerArn }) => listenerArn === route.listenerArn)
  if (listener === undefined) return { state: 'nothing' }
  const groups = groupsById(snapshot.groups)
  const isServed = ({ group }: RoutedGroup) =>
    groups.get(group)?.targets.some(({ mode, address }) => mode === 'serve' && answers(address)) ?? false
  const shares = routedIn(listener, state, sides, route).filter(({ weight }) => weight > 0)
  const lost = shares.filter(share => !isServed(share))
  const colours = { blue: 0, green: 0, other: 0 }
  for (const { group, weight } of shares) colours[colourOf(group, sides)] += weight
  if (lost.length === 0) return shownShares(colours)
  const lostWeight = lost.reduce((sum, { weight }) => sum + weight, 0)
  const whole = colours.blue + colours.green + colours.other
  return lostWeight === whole
    ? { state: 'nothing' }
    : { state: 'nothing', detail: `${percent(lostWeight / whole)} lost` }
}

/** By weights of what is told to forward there. */
export function shownShares({ blue, green, other }: Record<'blue' | 'green' | 'other', number>): Shown {
  const whole = blue + green + other
  if (whole === 0) return { state: 'nothing' }
  if (other > 0) return { state: 'elsewhere' }
  if (green === 0) return { state: 'blue' }
  if (blue === 0) return { state: 'green' }
  return { state: 'both', detail: `${percent(green / whole)} green` }
}

/** @param group a target group's ARN, or a `SnapshotGroup.id`, which begins with it */
export function colourOf(group: string, { blue, green }: Sides): 'blue' | 'green' | 'other' {
  const [arn] = group.split(' ')
  return arn === blue ? 'blue' : arn === green ? 'green' : 'other'
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`
}
