import { registrationsAt } from '../domain/registrations.ts'
import type { State } from '../domain/state.ts'
import { type TargetGroup, targetKey } from '../domain/target-group.ts'
import { targetHealth } from '../domain/target-health.ts'
import { answerOf, colourOf, type Shown, shownShares } from './clients.ts'
import { actionOf, type Route, type Sides } from './sides.ts'
import type { Lane, Moments, Outage, Span, Timeline, TimelineEvent } from './timeline.ts'
import type { World } from './world.ts'

/** Which of a group's states is shown where its targets differ and as many are in each. */
const states = ['healthy', 'initial', 'unhealthy', 'unhealthy.draining', 'draining', 'unused'] as const

/**
 * Looks at a world whenever something is committed or reported, and when it is told to, and writes down what changed.
 */
export class Recorder {
  readonly #world: World
  readonly #sides: Sides
  readonly #start: number
  readonly #listeners: Track[]
  readonly #targets: Track[]
  readonly #clients: Track[]
  readonly #events: TimelineEvent[] = []
  readonly #moves: { readonly at: number; readonly role: Route['role'] }[] = []
  readonly #moments: { -readonly [K in keyof Moments]: Moments[K] } = {}
  readonly #stops: readonly (() => void)[]

  constructor(world: World, sides: Sides) {
    this.#world = world
    this.#sides = sides
    this.#start = world.clock.now()
    this.#listeners = sides.routes.map(route => new Track('listener', nameOf(route)))
    this.#targets = ['blue', 'green'].map(colour => new Track('targets', colour))
    this.#clients = sides.routes.map(({ port, role }) => new Track('client', `client of :${port} (${role})`))
    this.#stops = [world.store.watch(() => this.look()), world.node.onReport(() => this.look())]
    this.look()
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.#world.clock.now() - this.#start
  }

  get moments(): Moments {
    return this.#moments
  }

  say(text: string): void {
    this.#events.push({ at: this.now, text })
  }

  /** From here on what clients miss is the rollback's doing. */
  rollBack(): void {
    this.#moments.rollback = this.now
    this.say('rollback')
  }

  look(): void {
    const { store, clock, node } = this.#world
    const state = store.read()
    const sides = this.#sides
    for (const [i, route] of sides.routes.entries()) {
      const weights = { blue: 0, green: 0, other: 0 }
      for (const { targetGroupArn, weight } of actionOf(state, sides, route).forward)
        weights[colourOf(targetGroupArn, sides)] += weight
      const before = this.#listeners[i]!.last
      if (!this.#listeners[i]!.put(this.now, shownShares(weights)) || before === undefined) continue
      this.#moves.push({ at: this.now, role: route.role })
      if (i === 0 && this.#listeners[0]!.last?.state === 'green') this.#moments.moved ??= this.now
    }
    for (const [i, arn] of [sides.blue, sides.green].entries()) {
      const group = state.targetGroups.get(arn)
      this.#targets[i]!.put(
        this.now,
        shownTargets(state, group, key => node.health(key), clock.now()),
      )
    }
    this.#ask(state)
  }

  /** Whether all that was begun has come to an end: nobody waits, drains, or gets nothing. */
  get isQuiet(): boolean {
    const resting = this.#targets.every(
      ({ last }) => !['initial', 'draining', 'unhealthy.draining'].includes(last!.state),
    )
    const answered = this.#clients.every(({ last }, i) => last!.state === this.#listeners[i]!.last!.state)
    return resting && answered
  }

  /** Production is told to forward all to green, and does. */
  get hasArrived(): boolean {
    return this.#moments.answered !== undefined && this.#listeners[0]!.last!.state === 'green'
  }

  end(about: Pick<Timeline, 'design' | 'title' | 'timing' | 'seed'>): Timeline {
    for (const stop of this.#stops) stop()
    const endsAt = this.now
    const lanes = [...this.#listeners, ...this.#targets, ...this.#clients].map(track => track.lane(endsAt))
    const outages = lanes.flatMap(lane => (lane.kind === 'client' ? this.#outages(lane) : []))
    return {
      ...about,
      endsAt,
      lanes,
      events: [...this.#events, ...this.#moveEvents()].sort((a, b) => a.at - b.at),
      outages: outages.sort((a, b) => a.from - b.from),
      moments: this.#moments,
    }
  }

  #ask(state: State): void {
    const { node, tasks } = this.#world
    const shown = this.#sides.routes.map((route, i) => {
      const its = answerOf(node.snapshot, state, this.#sides, route, address => tasks.answers(address))
      this.#clients[i]!.put(this.now, its)
      return its.state
    })
    const [production] = shown
    const moments = this.#moments
    if (moments.rollback === undefined) {
      if (production === 'green' && moments.answered === undefined) {
        moments.answered = this.now
        this.say('the new version answers')
      }
    } else if (production === 'blue' && moments.restored === undefined && moments.answered !== undefined) {
      moments.restored = this.now
      this.say('the original answers')
    }
  }

  /** Listeners that move at the same time are one event. */
  #moveEvents(): readonly TimelineEvent[] {
    const { rollback = Infinity } = this.#moments
    return [...Map.groupBy(this.#moves, ({ at }) => at)].map(([at, moves]) => {
      const roles = new Set(moves.map(({ role }) => role))
      const who = roles.size > 1 ? 'listeners move' : `${moves[0]!.role} moves`
      return { at, text: at < rollback ? who : `${who} back` }
    })
  }

  #outages({ spans, label }: Lane): Outage[] {
    const { rollback = Infinity } = this.#moments
    const outages: Outage[] = []
    for (const { from, to, state } of spans) {
      if (state !== 'nothing') continue
      const during = from >= rollback ? 'rollback' : 'deployment'
      const last = outages.at(-1)
      if (last?.to === from && last.during === during) outages[outages.length - 1] = { ...last, to }
      else outages.push({ from, to, client: label, during })
    }
    return outages
  }
}

function nameOf({ role, port }: Route): string {
  return `${role} :${port}`
}

/** The state that most of the group's targets have, and how many, where they differ; else the reason. */
function shownTargets(
  state: State,
  group: TargetGroup | undefined,
  health: World['node']['health'],
  now: number,
): Shown {
  if (group === undefined) return { state: 'absent' }
  const said = registrationsAt(group, now).map(target =>
    targetHealth(state, group, target, health(targetKey(group.arn, target)), now),
  )
  const byState = Map.groupBy(said, ({ State }) => State)
  let most: (typeof said)[number]['State'] | undefined
  for (const name of states) {
    const count = byState.get(name)?.length ?? 0
    if (count > (most === undefined ? 0 : byState.get(most)!.length)) most = name
  }
  if (most === undefined) return { state: 'absent' }
  const its = byState.get(most)!
  if (its.length < said.length) return { state: most, detail: `${its.length} of ${said.length}` }
  const reason = its[0]!.Reason
  return { state: most, ...(most === 'initial' && reason !== undefined && { detail: reason }) }
}

/** A lane being written. */
class Track {
  readonly #kind: Lane['kind']
  readonly #label: string
  readonly #begins: (Shown & { readonly from: number })[] = []

  constructor(kind: Lane['kind'], label: string) {
    this.#kind = kind
    this.#label = label
  }

  get last(): Shown | undefined {
    return this.#begins.at(-1)
  }

  /** False where nothing changed. Of several at the same time the last one counts. */
  put(from: number, shown: Shown): boolean {
    const { last } = this
    if (last?.state === shown.state && last.detail === shown.detail) return false
    if (this.#begins.at(-1)?.from === from) this.#begins.pop()
    const before = this.last
    if (before?.state !== shown.state || before.detail !== shown.detail) this.#begins.push({ from, ...shown })
    return true
  }

  lane(endsAt: number): Lane {
    const spans = this.#begins.map(
      ({ from, ...shown }, i): Span => ({ from, to: this.#begins[i + 1]?.from ?? endsAt, ...shown }),
    )
    // What began with the end is not seen any more.
    return { kind: this.#kind, label: this.#label, spans: spans.filter(({ from, to }) => to > from) }
  }
}
