import type { Lane, Span, SpanState, Timeline } from './timeline.ts'

/** Spans one after the other from what begins when, in seconds. */
export function lane(
  kind: Lane['kind'],
  label: string,
  endsAt: number,
  ...begins: [number, SpanState, string?][]
): Lane {
  const spans: Span[] = begins.map(([from, state, detail], i) => ({
    from: from * 1000,
    to: (begins[i + 1]?.[0] ?? endsAt) * 1000,
    state,
    ...(detail === undefined ? {} : { detail }),
  }))
  return { kind, label, spans }
}

const waits = 'Elb.RegistrationInProgress'
const checks = 'Elb.InitialHealthChecking'

/** A deployment behind an NLB and its rollback that goes dark, as in the article's figures (S2.4, S2.9). */
export const dark: Timeline = {
  design: 'nlb',
  title: 'NLB, both listeners move at once',
  timing: 'aws-nlb',
  seed: 7,
  endsAt: 600_000,
  lanes: [
    lane('listener', 'production :80', 600, [0, 'blue'], [160, 'green'], [355, 'blue']),
    lane('listener', 'test :8080', 600, [0, 'blue'], [160, 'green'], [355, 'blue']),
    lane(
      'targets',
      'blue',
      600,
      [0, 'healthy'],
      [160, 'unused'],
      [355, 'initial', waits],
      [364, 'initial', checks],
      [429, 'healthy'],
    ),
    lane(
      'targets',
      'green',
      600,
      ...([
        [0, 'absent'],
        [60, 'unused'],
        [160, 'initial', waits],
        [170, 'initial', checks],
        [235, 'healthy'],
        [355, 'unused'],
        [365, 'draining'],
        [425, 'absent'],
      ] as [number, SpanState, string?][]),
    ),
    lane('client', 'client of :80', 600, [0, 'blue'], [235, 'green'], [366, 'nothing'], [441, 'blue']),
    lane('client', 'client of :8080', 600, [0, 'blue'], [235, 'green'], [366, 'nothing'], [441, 'blue']),
  ],
  events: [
    { at: 0, text: 'CreateDeployment' },
    { at: 60_000, text: 'green runs' },
    { at: 160_000, text: 'BeforeAllowTraffic Succeeded' },
    { at: 160_000, text: 'listeners move' },
    { at: 161_000, text: 'AllowTraffic Succeeded' },
    { at: 355_000, text: 'StopDeployment' },
    { at: 355_400, text: 'listeners move back' },
  ],
  outages: [
    { from: 366_000, to: 441_000, client: 'client of :80', during: 'rollback' },
    { from: 366_000, to: 441_000, client: 'client of :8080', during: 'rollback' },
  ],
  moments: { moved: 160_000, answered: 235_000, rollback: 355_000, restored: 441_000 },
}

/** A long name, shares, everything that a lane can say, spans and outages too short to be labelled, and text that is markup. */
export const crowded: Timeline = {
  design: 'a-deployment-group-whose-name-is-rather-long',
  title: 'live: <orders> & "payments"',
  timing: 'instant',
  seed: 4_294_967_295,
  endsAt: 1_000_000,
  lanes: [
    lane(
      'listener',
      'production net/a-load-balancer-with-a-long-name:443',
      1000,
      [0, 'blue'],
      [300, 'both', '10 % green'],
      [400, 'green'],
      [900, 'elsewhere'],
    ),
    lane(
      'targets',
      'blue',
      1000,
      [0, 'healthy'],
      [1, 'unhealthy', 'Target.FailedHealthChecks'],
      [2, 'healthy'],
      [500, 'unhealthy.draining'],
      [502, 'draining'],
      [800, 'absent'],
    ),
    lane(
      'client',
      'client of :443',
      1000,
      [0, 'blue'],
      [300, 'nothing'],
      [300.4, 'both'],
      [310, 'nothing', '10 % lost'],
      [312, 'blue'],
      [999, 'nothing'],
    ),
  ],
  events: [
    ...Array.from({ length: 12 }, (_, i) => ({ at: 290_000 + i * 3000, text: `Step${i} Succeeded` })),
    { at: 999_500, text: 'the very last thing that happened, told at length' },
    { at: 1_000_000, text: 'end' },
  ],
  outages: [
    { from: 300_000, to: 300_400, client: 'client of :443', during: 'deployment' },
    { from: 310_000, to: 312_000, client: 'client of :443', during: 'deployment' },
    { from: 999_000, to: 1_000_000, client: 'client of :443', during: 'rollback' },
  ],
  moments: { moved: 300_000 },
}

/** What is asked for at once is there at once, and nothing else happens: the shortest of all. */
export const empty: Timeline = {
  design: 'none',
  title: 'Nothing',
  timing: 'instant',
  seed: 0,
  endsAt: 0,
  lanes: [lane('client', 'client of :80', 0, [0, 'blue'])],
  events: [],
  outages: [],
  moments: {},
}
