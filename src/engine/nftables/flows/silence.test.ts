import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SnapshotListener } from '../../../domain/snapshot.ts'
import type { MarkedTarget } from '../marks.ts'
import { groupName } from '../names.ts'
import { silence, silenceProblems } from './silence.ts'
import { Judge } from './sweep.ts'

const listener = (protocol: 'TCP' | 'UDP', weight = 1): SnapshotListener => ({
  id: `${protocol} 10.9.0.1 8080`,
  listenerArn: `arn:${protocol}`,
  protocol,
  address: '10.9.0.1',
  port: 8080,
  admit: undefined,
  route: [{ group: 'web', weight }],
  idleTimeoutMs: 120_000,
  synproxy: false,
})

/** Marks 1, 2, ... are the targets 10.9.1.1, 10.9.1.2, ... */
function judgeOf(protocol: 'TCP' | 'UDP', modes: readonly ('serve' | 'drain' | 'cut')[]): Judge {
  const targets = modes.map((mode, i) => ({ key: `${i + 1}`, address: `10.9.1.${i + 1}`, port: 9000, mode }))
  const group = { id: 'web', targets, sticky: false, proxyProtocol: false, preserveClientIp: true }
  const marked = targets.map(
    ({ address, port }, i): MarkedTarget => ({ mark: i + 1, group: groupName('web', protocol), address, port }),
  )
  const snapshot = { listeners: [listener(protocol)], groups: [group] }
  return new Judge({ snapshot, elsewhere: new Set(), targetOf: mark => marked[mark - 1], isComplete: true })
}

/** Answers of targets 1, 2, ... as `unanswered/answered`. */
function sweep(...targets: readonly `${number}/${number}`[]) {
  return {
    answers: new Map(
      targets.map((text, i) => {
        const [unanswered = 0, answered = 0] = text.split('/').map(Number)
        return [i + 1, { unanswered, answered }]
      }),
    ),
  }
}

const cases: readonly {
  readonly what: string
  readonly protocol: 'TCP' | 'UDP'
  readonly modes?: readonly ('serve' | 'drain' | 'cut')[]
  readonly answers: readonly `${number}/${number}`[]
  readonly silent: readonly number[]
}[] = [
  { what: 'three connections, no answer', protocol: 'TCP', answers: ['3/0'], silent: [1] },
  { what: 'two may be on their way', protocol: 'TCP', answers: ['2/0'], silent: [] },
  { what: 'one answer shows the way back', protocol: 'TCP', answers: ['30/1'], silent: [] },
  { what: 'one of two targets', protocol: 'TCP', answers: ['0/50', '4/0'], silent: [2] },
  { what: 'a target that drains may be dead', protocol: 'TCP', modes: ['drain'], answers: ['9/0'], silent: [] },
  { what: 'so may one that is cut', protocol: 'TCP', modes: ['cut'], answers: ['9/0'], silent: [] },
  { what: 'a service that never replies', protocol: 'UDP', answers: ['900/0', '1000/0'], silent: [] },
  { what: 'a service that replies elsewhere', protocol: 'UDP', answers: ['900/0', '10/1000'], silent: [1] },
  { what: 'a service that replies now and then', protocol: 'UDP', answers: ['900/0', '1000/20'], silent: [] },
  { what: 'a single target of UDP', protocol: 'UDP', answers: ['900/0'], silent: [] },
  { what: 'too few replies to go by', protocol: 'UDP', answers: ['900/0', '0/2'], silent: [] },
]

for (const { what, protocol, modes = ['serve', 'serve'] as const, answers, silent } of cases) {
  test(`silent targets: ${protocol}, ${what}: ${silent.length === 0 ? 'none' : silent}`, () => {
    const found = silence(new Map(), sweep(...answers), judgeOf(protocol, modes), 1_000)
    assert.deepEqual(
      [...found],
      silent.map(mark => [mark, 1_000]),
    )
  })
}

test('silence is a problem of the listener once it has lasted for 5 s, and none after a single answer', () => {
  const judge = judgeOf('TCP', ['serve', 'serve'])
  const listeners = [listener('TCP')]
  let silent = silence(new Map(), sweep('3/0'), judge, 1_000)
  assert.deepEqual(silenceProblems(silent, judge, listeners, 1_000), [])
  silent = silence(silent, sweep('5/0'), judge, 5_999)
  assert.deepEqual(silenceProblems(silent, judge, listeners, 5_999), [])
  silent = silence(silent, sweep('6/0'), judge, 6_000)
  assert.deepEqual(silenceProblems(silent, judge, listeners, 6_000), [
    {
      listener: 'TCP 10.9.0.1 8080',
      listenerArn: 'arn:TCP',
      target: '10.9.1.1:9000',
      reason:
        'target 10.9.1.1:9000 gets flows and none is answered through this host; if it is healthy, its replies take another way, see `sluice target render`, or its service answers from another address than it was asked at, as UDP bound to 0.0.0.0 may',
    },
  ])
  silent = silence(silent, sweep('6/1'), judge, 7_000)
  assert.deepEqual([...silent], [])
  silent = silence(silent, sweep('6/0'), judge, 8_000)
  assert.deepEqual(silenceProblems(silent, judge, listeners, 8_000), [])
})

test('silence is no problem of a listener that sends its flows elsewhere', () => {
  const silent = new Map([[1, 0]])
  assert.deepEqual(silenceProblems(silent, judgeOf('TCP', ['serve']), [listener('TCP', 0), listener('UDP')], 9_000), [])
})
