import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBuilder } from './build-snapshot.ts'
import type { Health } from './health.ts'
import { probesBuilder } from './probes.ts'
import { anySeed, randomFrom } from './random.fixture.ts'
import { allReferences, listenerEndpoints } from './references.ts'
import {
  certificate,
  health,
  instance,
  listener,
  loadBalancer,
  now,
  rule,
  securityGroup,
  subnet,
  target,
  targetGroup,
} from './state.fixture.ts'
import { applyChanges, type Change, changesBetween, emptyState, type State } from './state.ts'
import { targetKey } from './target-group.ts'

/** One step of a random walk: the state, the health or the time is another one. */
interface Moment {
  readonly state: State
  readonly health: ReadonlyMap<string, Health>
  readonly now: number
}

test('what is built from what changed equals what is built afresh, after any change', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const build = snapshotBuilder()
  const probesOf = probesBuilder()
  let moment = start
  for (let step = 0; step < 1_000; step++) {
    moment = steps[random(steps.length)]!(moment, random)
    const { state } = moment
    const message = `seed ${seed}, step ${step}`
    const copy = structuredClone(moment)
    assert.deepEqual(
      build(state, moment.health, moment.now),
      snapshotBuilder()(copy.state, copy.health, copy.now),
      message,
    )
    assert.deepEqual(probesOf(state), probesBuilder()(copy.state), message)
    assert.deepEqual(allReferences(state), allReferences(copy.state), message)
    assert.deepEqual(listenerEndpoints(state), listenerEndpoints(copy.state), message)
  }
})

test('the changes between two states lead from one to the other, and are none where nothing changed', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  let before = start
  for (let step = 0; step < 200; step++) {
    const after = steps[random(steps.length)]!(before, random)
    const changes = changesBetween(before.state, after.state)
    const { revision } = after.state
    assert.deepEqual(applyChanges(before.state, revision, changes), after.state, `seed ${seed}, step ${step}`)
    assert.deepEqual(changesBetween(after.state, after.state), [])
    before = after
  }
})

type Random = (below: number) => number
type Step = (moment: Moment, random: Random) => Moment

const zones = ['a', 'b'] as const
const balancers = ['arn:lb:0', 'arn:lb:1']
const groups = Array.from({ length: 6 }, (_, n) => `arn:tg:${n}`)
const termination = 'deregistration_delay.connection_termination.enabled'
const crossZone = 'load_balancing.cross_zone.enabled'

const start: Moment = {
  state: applyChanges(emptyState, 1, [
    ...zones.map((zone, n): Change => {
      const value = subnet(zone, `10.0.${n + 1}.0/24`)
      return { table: 'subnets', key: value.id, value }
    }),
    ...balancers.map((arn): Change => ({ table: 'loadBalancers', key: arn, value: loadBalancer({ arn }) })),
    ...groups.map((arn): Change => ({ table: 'targetGroups', key: arn, value: targetGroup({ arn }) })),
  ]),
  health: new Map(),
  now,
}

/** Load balancers share their addresses here, and targets may have them: what follows from that follows as well. */
const steps: readonly Step[] = [
  (moment, random) => {
    const arn = `arn:listener:${random(5)}`
    return change(moment, {
      table: 'listeners',
      key: arn,
      value: listener({
        arn,
        loadBalancerArn: balancers[random(2)]!,
        port: 80 + random(3),
        protocol: (['TCP', 'UDP', 'TCP_UDP', 'TLS', 'HTTP', 'HTTPS'] as const)[random(6)]!,
        forward: someGroups(random),
        ...(random(3) === 0 && { tls: { defaultCertificate: 'arn:c:0', certificates: ['arn:c:1'], sslPolicy: 'P' } }),
      }),
    })
  },
  (moment, random) => {
    const arn = `arn:rule:${random(8)}`
    const listenerArn = `arn:listener:${random(5)}`
    const value = rule(random(9), { arn, listenerArn, forward: someGroups(random) })
    return change(moment, { table: 'rules', key: arn, value })
  },
  rarely((moment, random) => change(moment, { table: 'rules', key: `arn:rule:${random(8)}` })),
  (moment, random) => {
    const key = `arn:c:${random(2)}`
    if (random(4) === 0) return change(moment, { table: 'certificates', key })
    return change(moment, { table: 'certificates', key, value: certificate(key, { notAfter: random(3) }) })
  },
  (moment, random) => {
    const value = pick(moment.state.listeners, random)
    if (value === undefined) return moment
    const forward = value.forward.map(({ targetGroupArn }) => ({ targetGroupArn, weight: random(5) }))
    const port = random(3) === 0 ? 80 + random(3) : value.port
    return change(moment, { table: 'listeners', key: value.arn, value: { ...value, port, forward } })
  },
  rarely((moment, random) => change(moment, { table: 'listeners', key: `arn:listener:${random(5)}` })),
  (moment, random) => {
    const arn = groups[random(groups.length)]!
    const targets = Array.from({ length: random(5) }, () => {
      const extra = random(4) === 0 ? { deregistration: { until: moment.now + random(4) * 1_000 } } : {}
      return target(`10.0.${1 + random(3)}.${4 + random(3)}`, { port: 80 + random(2), ...extra })
    })
    const attributes = {
      [termination]: 'true',
      [crossZone]: ['true', 'false', 'use_load_balancer_configuration'][random(3)]!,
      'slow_start.duration_seconds': ['0', '30'][random(2)]!,
    }
    const protocol = (['TCP', 'HTTP', 'HTTPS', 'TLS'] as const)[random(4)]!
    const value = targetGroup({ arn, protocol, targets, attributes })
    return change(moment, { table: 'targetGroups', key: arn, value })
  },
  (moment, random) => {
    const arn = groups[random(groups.length)]!
    const targets = [target(`i-${random(3)}`), target(`i-${random(3)}`)]
    const value = targetGroup({ arn, targetType: 'instance', targets })
    return change(moment, { table: 'targetGroups', key: arn, value })
  },
  (moment, random) => {
    const arn = groups[random(groups.length)]!
    const value = targetGroup({ arn, targetType: 'alb', targets: [target(balancers[random(2)]!, { port: 80 })] })
    return change(moment, { table: 'targetGroups', key: arn, value })
  },
  rarely((moment, random) => change(moment, { table: 'targetGroups', key: groups[random(groups.length)]! })),
  (moment, random) => {
    const arn = balancers[random(2)]!
    const type = (['network', 'application'] as const)[random(2)]!
    const all = loadBalancer({ type, securityGroups: random(2) === 0 ? [] : ['sg-1'] })
    const attributes = { [crossZone]: String(random(2) === 0) }
    const value = { ...all, arn, attributes, zones: all.zones.slice(0, 1 + random(2)) }
    return change(moment, { table: 'loadBalancers', key: arn, value })
  },
  rarely((moment, random) => change(moment, { table: 'loadBalancers', key: balancers[random(2)]! })),
  (moment, random) => {
    const value = securityGroup('sg-1', [['-1', { cidrIpv4: `10.${random(3)}.0.0/16` }]])
    return change(moment, { table: 'securityGroups', key: value.id, value })
  },
  (moment, random) => {
    const id = `i-${random(3)}`
    const state = (['running', 'stopped', 'terminated'] as const)[random(3)]!
    const value = instance(id, { state, privateIpAddress: `10.0.1.2${random(3)}` })
    return change(moment, { table: 'instances', key: id, value })
  },
  (moment, random) => {
    const group = pick(moment.state.targetGroups, random)
    const one = group?.targets[random(5)]
    if (group === undefined || one === undefined) return moment
    const known = new Map(moment.health)
    const suspect = { since: moment.now, until: moment.now + random(3) * 1_000, reason: 'connection refused' }
    const verdict = (['initial', 'healthy', 'unhealthy'] as const)[random(3)]!
    known.set(targetKey(group.arn, one), health(verdict, random(3) === 0 ? { suspect } : { since: moment.now }))
    return { ...moment, health: known }
  },
  (moment, random) => {
    const gone = [...moment.health.keys()][random(20)]
    return { ...moment, health: new Map([...moment.health].filter(([key]) => key !== gone)) }
  },
  // Also backwards, as a wall clock that is set may go.
  (moment, random) => ({ ...moment, now: moment.now + (random(5) - 1) * 500 }),
  rarely(moment => structuredClone(moment)),
]

function someGroups(random: Random) {
  return groups.filter(() => random(3) > 0).map(targetGroupArn => ({ targetGroupArn, weight: random(3) }))
}

/** So that there is mostly something to change. */
function rarely(step: Step): Step {
  return (moment, random) => (random(5) === 0 ? step(moment, random) : moment)
}

function change(moment: Moment, one: Change): Moment {
  return { ...moment, state: applyChanges(moment.state, moment.state.revision + 1, [one]) }
}

function pick<Value>(table: ReadonlyMap<string, Value>, random: Random): Value | undefined {
  return [...table.values()][random(Math.max(table.size, 1))]
}
