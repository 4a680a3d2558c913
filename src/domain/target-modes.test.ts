import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyOf } from './group-policy.ts'
import type { Health } from './health.ts'
import type { Attributes } from './load-balancer.ts'
import { health, now, target, targetGroup } from './state.fixture.ts'
import { type Target, targetKey } from './target-group.ts'
import { type Member, targetModes } from './target-modes.ts'

interface Row {
  readonly what: string
  readonly target?: Partial<Target>
  readonly usable?: boolean
  readonly attributes?: Attributes
  readonly health?: Health
  readonly tcp: readonly [mode: string, nextAt?: number]
  readonly udp: readonly [mode: string, nextAt?: number]
}

const leaving = (until: number) => ({ deregistration: { until } })
const keeps = (seconds: string) => ({
  'target_health_state.unhealthy.connection_termination.enabled': 'false',
  'target_health_state.unhealthy.draining_interval_seconds': seconds,
})
const ends = (enabled: boolean) => ({ 'deregistration_delay.connection_termination.enabled': String(enabled) })
const suspect = { since: now, until: now + 5000, reason: 'connection refused' }

/** What becomes of one target beside a healthy one. */
const rows: readonly Row[] = [
  { what: 'healthy', health: health('healthy'), tcp: ['serve'], udp: ['serve'] },
  { what: 'unknown', tcp: ['drain'], udp: ['drain'] },
  { what: 'initial', health: health('initial'), tcp: ['drain'], udp: ['drain'] },
  { what: 'unhealthy', health: health('unhealthy'), tcp: ['cut'], udp: ['cut'] },
  {
    what: 'unhealthy, termination off',
    attributes: keeps('0'),
    health: health('unhealthy'),
    tcp: ['drain'],
    udp: ['cut'],
  },
  {
    what: 'unhealthy, in its draining interval',
    attributes: keeps('60'),
    health: health('unhealthy', { since: now - 59_000 }),
    tcp: ['drain', now + 1000],
    udp: ['cut'],
  },
  {
    what: 'unhealthy, its draining interval over',
    attributes: keeps('60'),
    health: health('unhealthy', { since: now - 60_000 }),
    tcp: ['cut'],
    udp: ['cut'],
  },
  {
    what: 'suspect',
    health: health('healthy', { suspect }),
    tcp: ['drain', suspect.until],
    udp: ['cut', suspect.until],
  },
  {
    what: 'no longer suspect',
    health: health('healthy', { suspect: { ...suspect, until: now } }),
    tcp: ['serve'],
    udp: ['serve'],
  },
  {
    what: 'deregistering',
    target: leaving(now + 7),
    health: health('healthy'),
    tcp: ['drain', now + 7],
    udp: ['drain', now + 7],
  },
  {
    what: 'deregistering and suspect',
    target: leaving(now + 7),
    health: health('healthy', { suspect }),
    tcp: ['drain', now + 7],
    udp: ['cut', now + 5000],
  },
  {
    what: 'deregistered',
    target: leaving(now),
    attributes: ends(false),
    health: health('healthy'),
    tcp: ['drain'],
    udp: ['cut'],
  },
  {
    what: 'deregistered, termination on',
    target: leaving(now),
    attributes: ends(true),
    health: health('healthy'),
    tcp: ['cut'],
    udp: ['cut'],
  },
  {
    what: 'deregistering and unhealthy',
    target: leaving(now + 7),
    health: health('unhealthy'),
    tcp: ['cut'],
    udp: ['cut'],
  },
  {
    what: 'unusable',
    usable: false,
    health: health('healthy'),
    tcp: ['cut'],
    udp: ['cut'],
  },
]

for (const { what, target: its, usable, attributes, health: known, tcp, udp } of rows) {
  for (const [protocol, [mode, nextAt = Infinity]] of [
    ['TCP', tcp],
    ['UDP', udp],
  ] as const) {
    test(`mode: ${what}, ${protocol}: ${mode}`, () => {
      const members = [member('10.0.1.10', usable, its), member('10.0.1.11')]
      const answer = targetModes(members, [known, health('healthy')], policy(attributes), protocol, now)
      assert.deepEqual(answer, { modes: [mode, 'serve'], nextAt })
    })
  }
}

test('when all serving targets are suspect, they serve on', () => {
  const one = health('healthy', { suspect })
  const modes = (...known: Health[]) =>
    targetModes([member('10.0.1.10'), member('10.0.1.11')], known, policy(), 'TCP', now).modes
  assert.deepEqual(modes(one, one), ['serve', 'serve'])
  assert.deepEqual(modes(one, health('unhealthy')), ['serve', 'cut'])
})

test('where nobody is healthy all that are usable and registered serve, and only those', () => {
  const members = [member('10.0.1.10'), member('10.0.1.11', false), member('10.0.1.12', true, leaving(now + 7))]
  const known = [health('unhealthy'), health('healthy'), health('healthy')]
  assert.deepEqual(targetModes(members, known, policy(), 'TCP', now), {
    modes: ['serve', 'cut', 'drain'],
    nextAt: now + 7,
  })
})

test('of several times the next one is told, and a time that is over is none', () => {
  const members = [3, 9, -1].map(ms => member(`10.0.1.${20 + ms}`, true, leaving(now + ms)))
  assert.equal(targetModes(members, [undefined, undefined, undefined], policy(), 'TCP', now).nextAt, now + 3)
})

function member(id: string, usable = true, extra: Partial<Target> = {}): Member {
  const its = target(id, extra)
  return { target: its, key: targetKey('arn:tg', its), address: its.id, zone: 'a', usable }
}

function policy(attributes: Attributes = {}) {
  return policyOf(targetGroup({ attributes }))
}
