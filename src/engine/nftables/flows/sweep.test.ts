import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SnapshotListener, SnapshotTarget } from '../../../domain/snapshot.ts'
import { groupName } from '../names.ts'
import {
  statusSeenReply,
  TCP,
  type TrackedFlow,
  tcpClose,
  tcpEstablished,
  tcpSynRecv,
  tcpSynSent,
  tcpTimeWait,
  UDP,
} from './conntrack-entry.ts'
import { Judge, patienceMs, Sweep, type Verdict } from './sweep.ts'

type Mode = SnapshotTarget['mode'] | 'gone'

interface World {
  /** The target's mode; `gone`: its group has it no more. */
  readonly mode?: Mode
  /** The weight of the target's group; `undefined`: the listener does not name it. */
  readonly weight?: number | undefined
  readonly listener?: 'here' | 'elsewhere' | 'gone'
  readonly isComplete?: boolean
  /** False: the mark stands for nothing that is known. */
  readonly isMarked?: boolean
}

const mark = 0xab000001

/** Listeners of each protocol on 10.9.0.1:8080 and [fd09::1]:8080. */
function judgeOf(world: World): Judge {
  const { mode = 'serve', listener = 'here', isComplete = true, isMarked = true } = world
  const weight = 'weight' in world ? world.weight : 1
  const route = [...(weight === undefined ? [] : [{ group: 'old', weight }]), { group: 'new', weight: 1 }]
  const listeners = (['TCP', 'UDP'] as const).flatMap(protocol =>
    ['10.9.0.1', 'fd09::1'].map(
      (address): SnapshotListener => ({
        id: `${protocol} ${address} 8080`,
        listenerArn: 'arn',
        protocol,
        address,
        port: 8080,
        admit: undefined,
        route,
        idleTimeoutMs: 120_000,
        synproxy: false,
      }),
    ),
  )
  const target = { key: 't', address: '10.9.1.2', port: 9000 }
  const protocols = ['TCP', 'UDP'] as const
  const rest = { sticky: false, proxyProtocol: false, preserveClientIp: true }
  const groups = [
    { id: 'old', targets: mode === 'gone' ? [] : [{ ...target, mode }], ...rest },
    { id: 'new', targets: [{ ...target, mode: 'serve' as const }], ...rest },
  ]
  return new Judge({
    snapshot: { listeners: listener === 'here' ? listeners : [], groups },
    elsewhere: new Set(listener === 'elsewhere' ? listeners.map(({ id }) => id) : []),
    // Marks of TCP and UDP differ in truth; one test looks at one protocol.
    targetOf: of =>
      isMarked && of - mark in protocols
        ? { mark: of, group: groupName('old', protocols[of - mark]!), address: target.address, port: target.port }
        : undefined,
    isComplete,
  })
}

function flow(kind: 'UDP' | 'established' | 'SYN_SENT' | 'SYN_RECV' | 'TIME_WAIT' | 'CLOSE', its = {}): TrackedFlow {
  const isUdp = kind === 'UDP'
  const tcpState = { UDP: 0, established: 3, SYN_SENT: 1, SYN_RECV: 2, TIME_WAIT: 7, CLOSE: 8 }[kind]
  return {
    protocol: isUdp ? UDP : TCP,
    listener: `${isUdp ? 'UDP' : 'TCP'} 10.9.0.1 8080`,
    mark: isUdp ? mark + 1 : mark,
    reply: { source: Uint8Array.of(10, 9, 1, 2), sourcePort: 9000 },
    status: kind === 'SYN_SENT' ? 0 : statusSeenReply,
    tcpState,
    id: 1,
    ...its,
  }
}

const worlds: readonly (readonly [what: string, world: World, UDP: Verdict, established: Verdict, opening: string])[] =
  [
    // opening: SYN_SENT just seen, SYN_SENT without an answer for 250 ms, SYN_RECV
    ['the target serves', {}, 'keep', 'keep', 'keep keep keep'],
    ['the target drains', { mode: 'drain' }, 'keep', 'keep', 'wait forget keep'],
    ['the target is cut', { mode: 'cut' }, 'forget', 'reset', 'forget forget forget'],
    ['the target is gone', { mode: 'gone' }, 'forget', 'keep', 'wait forget keep'],
    ['the mark is unknown', { isMarked: false }, 'forget', 'keep', 'wait forget keep'],
    ['the mark is not known yet', { isMarked: false, isComplete: false }, 'keep', 'keep', 'keep keep keep'],
    ['the target is not known yet', { mode: 'gone', isComplete: false }, 'keep', 'keep', 'keep keep keep'],
    ['the group has weight 0', { weight: 0 }, 'forget', 'keep', 'keep keep keep'],
    ['the listener routes elsewhere', { weight: undefined }, 'forget', 'keep', 'keep keep keep'],
    ['the same, and the target is cut', { weight: undefined, mode: 'cut' }, 'forget', 'reset', 'forget forget forget'],
    ['the listener is gone', { listener: 'gone' }, 'forget', 'reset', 'forget forget forget'],
    ['the listener is not known yet', { listener: 'gone', isComplete: false }, 'keep', 'keep', 'keep keep keep'],
    ['another engine has the listener', { listener: 'elsewhere' }, 'forget', 'keep', 'keep keep keep'],
    [
      'the same, and the target is cut',
      { listener: 'elsewhere', mode: 'cut' },
      'forget',
      'reset',
      'forget forget forget',
    ],
  ]

for (const [what, world, udp, established, opening] of worlds) {
  test(`${what}: UDP ${udp}, TCP ${established}, opening ${opening}`, () => {
    const judge = judgeOf(world)
    assert.equal(judge.verdict(flow('UDP'), 0), udp)
    assert.equal(judge.verdict(flow('established'), 0), established)
    const found = [
      judge.verdict(flow('SYN_SENT'), patienceMs - 1),
      judge.verdict(flow('SYN_SENT'), patienceMs),
      judge.verdict(flow('SYN_RECV'), patienceMs),
    ]
    assert.equal(found.join(' '), opening)
    assert.equal(judge.verdict(flow('TIME_WAIT'), 0), 'keep', 'it is over')
    assert.equal(judge.verdict(flow('CLOSE'), 0), 'keep', 'it is over')
  })
}

test('the states have the kernel’s numbers', () => {
  assert.deepEqual(
    (['SYN_SENT', 'SYN_RECV', 'established', 'TIME_WAIT', 'CLOSE'] as const).map(kind => flow(kind).tcpState),
    [tcpSynSent, tcpSynRecv, tcpEstablished, tcpTimeWait, tcpClose],
  )
})

test('a SYN that a draining target does not answer is forgotten by the next sweep that is late enough', () => {
  const judge = judgeOf({ mode: 'drain' })
  const first = new Sweep(judge, 1_000)
  assert.equal(first.see(flow('SYN_SENT', { id: 7 })), 'keep')
  assert.ok(first.isAwaiting)
  const soon = new Sweep(judge, 1_100, first)
  assert.equal(soon.see(flow('SYN_SENT', { id: 7 })), 'keep')
  assert.equal(soon.see(flow('SYN_SENT', { id: 8 })), 'keep')
  const later = new Sweep(judge, 1_250, soon)
  assert.equal(later.see(flow('SYN_SENT', { id: 7 })), 'forget')
  assert.equal(later.see(flow('SYN_SENT', { id: 8 })), 'keep')
  const last = new Sweep(judge, 2_000, later)
  assert.equal(last.see(flow('established', { id: 8 })), 'keep')
  assert.ok(!last.isAwaiting)
})

test('a datagram whose answer may be under way when its group leaves the route has a moment to get it', () => {
  const judge = judgeOf({ weight: undefined })
  const asked = { id: 7, status: 0 }
  const first = new Sweep(judge, 1_000)
  assert.equal(first.see(flow('UDP', asked)), 'keep')
  assert.ok(first.isAwaiting)
  const answered = new Sweep(judge, 1_100, first)
  assert.equal(answered.see(flow('UDP', { id: 7 })), 'forget')
  const later = new Sweep(judge, 1_250, first)
  assert.equal(later.see(flow('UDP', asked)), 'forget')
  assert.ok(!later.isAwaiting)
  const cut = new Sweep(judgeOf({ mode: 'cut' }), 1_000)
  assert.equal(cut.see(flow('UDP', asked)), 'forget', 'not from a target that is cut')
})

test('a SYN to a target that serves is waited for by nobody', () => {
  const sweep = new Sweep(judgeOf({}), 1_000)
  sweep.see(flow('SYN_SENT'))
  assert.ok(!sweep.isAwaiting)
})

test('a flow of another program stays, and is not counted', () => {
  const to = (last: number, sourcePort = 9000) => ({ source: Uint8Array.of(10, 9, 1, last), sourcePort })
  const foreign = { listener: 'TCP 10.9.9.9 22' }
  const sweep = new Sweep(judgeOf({}), 1_000)
  for (const its of [{ reply: to(3) }, { reply: to(2, 22) }, { mark: mark + 9 }]) {
    assert.equal(sweep.see(flow('established', { ...foreign, ...its })), 'keep')
    assert.equal(sweep.see(flow('UDP', { ...foreign, ...its })), 'keep')
  }
  assert.deepEqual([sweep.byListener.size, sweep.byTarget.size], [0, 0])
  assert.equal(sweep.see(flow('established', foreign)), 'reset', 'to a target, by a listener that is gone')
  assert.equal(sweep.see(flow('UDP', { reply: to(3) })), 'forget', 'of a listener, from before its table was lost')
})

test('a sweep counts what stays, by listener and by target', () => {
  const sweep = new Sweep(judgeOf({}), 1_000)
  for (const kind of ['UDP', 'established', 'established', 'SYN_SENT', 'TIME_WAIT', 'CLOSE'] as const)
    sweep.see(flow(kind))
  sweep.see(flow('UDP', { status: 0, listener: 'UDP fd09::1 8080' }))
  sweep.see(flow('UDP', { mark: mark + 9 }))
  assert.deepEqual(Object.fromEntries(sweep.byListener), {
    'UDP 10.9.0.1 8080': 1,
    'TCP 10.9.0.1 8080': 3,
    'UDP fd09::1 8080': 1,
  })
  assert.deepEqual(
    [...sweep.byTarget],
    [
      [mark + 1, 2],
      [mark, 3],
    ],
  )
  assert.deepEqual(
    [...sweep.answers],
    [
      [mark + 1, { unanswered: 1, answered: 1 }],
      [mark, { unanswered: 1, answered: 4 }],
    ],
  )
})
