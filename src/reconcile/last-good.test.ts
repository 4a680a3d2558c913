import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FakeClock } from '../clock.fixture.ts'
import type { Health } from '../domain/health.ts'
import type { Vpc } from '../domain/network.ts'
import { applyChanges, emptyState, type State } from '../domain/state.ts'
import { LastGood } from './last-good.ts'

test('what was saved is loaded again: the whole state, and verdicts with their times', async t => {
  const { directory, open } = place(t)
  const first = open()
  assert.deepEqual(first.load(), { state: emptyState, health: new Map() })
  const state = stateAt(7)
  first.state(state)
  first.health(new Map([['x', health('unhealthy', 5)]]))
  await first.close()
  const { state: read, health: verdicts } = open().load()
  assert.deepEqual(read, state)
  assert.deepEqual([...verdicts], [['x', { verdict: 'unhealthy', since: 5, against: 0, results: [] }]])
  assert.deepEqual(readdirSync(directory).sort(), ['last-good.health.json', 'last-good.state.json'])
  assert.equal(statSync(join(directory, 'last-good.state.json')).mode & 0o777, 0o600)
})

test('it writes 250 ms after news, by itself, the newest only', async t => {
  const { directory, clock, open } = place(t)
  const lastGood = open()
  lastGood.state(stateAt(1))
  await clock.advance(249)
  lastGood.state(stateAt(2))
  assert.deepEqual(readdirSync(directory), [])
  await clock.advance(1)
  await until(() => savedRevision(directory) === 2)
  lastGood.state(stateAt(3))
  await until(async () => {
    await clock.advance(250)
    return savedRevision(directory) === 3
  })
})

test('results alone, and the same state, are not written', async t => {
  const { directory, open } = place(t)
  const first = open()
  const state = stateAt(1)
  first.state(state)
  first.health(new Map([['x', health('healthy', 5)]]))
  await first.close()
  const second = open()
  const restored = second.load()
  rmSync(join(directory, 'last-good.state.json'))
  rmSync(join(directory, 'last-good.health.json'))
  second.state(restored.state)
  second.health(new Map([['x', { ...health('healthy', 5), against: 1 }]]))
  await second.close()
  assert.deepEqual(readdirSync(directory), [])
})

test('health that changes, comes or goes is written', async t => {
  const { open } = place(t)
  const steps: [string, Health][][] = [
    [['x', health('healthy', 5)]],
    [['x', health('unhealthy', 6)]],
    [
      ['x', health('unhealthy', 6)],
      ['y', health('healthy', 7)],
    ],
    [['y', health('healthy', 7)]],
  ]
  for (const step of steps) {
    const lastGood = open()
    lastGood.load()
    lastGood.health(new Map(step))
    await lastGood.close()
    assert.deepEqual([...open().load().health], step)
  }
})

const damages: [string, (file: string) => void][] = [
  ['empty', file => truncateSync(file)],
  ['cut off', file => truncateSync(file, 40)],
  ['another thing', file => writeFileSync(file, '{"kind":"changes","revision":1,"changes":[]}')],
  ['not JSON', file => writeFileSync(file, '\u0000'.repeat(500))],
]
for (const [damage, inflict] of damages) {
  test(`a damaged file (${damage}) is told in one line and the other one is still used`, async t => {
    const { directory, lines, open } = place(t)
    const lastGood = open()
    lastGood.state(stateAt(7))
    lastGood.health(new Map([['x', health('healthy', 5)]]))
    await lastGood.close()
    inflict(join(directory, 'last-good.state.json'))
    const { state, health: verdicts } = open().load()
    assert.equal(state, emptyState)
    assert.equal(verdicts.size, 1)
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /last-good\.state\.json cannot be read \([^\n]+\): starting without what it held$/)
  })
}

test('a write that fails is told once and tried again until it works', async t => {
  const { directory, clock, lines, open } = place(t)
  const obstacle = join(directory, 'last-good.state.json.new')
  mkdirSync(obstacle)
  const lastGood = open()
  lastGood.state(stateAt(1))
  await until(async () => {
    await clock.advance(1_000)
    return lines.length === 1
  })
  for (let second = 0; second < 5; second++) await clock.advance(1_000)
  assert.match(lines[0] ?? '', /^what is served now cannot be saved for a restart \([^\n]+\): make \S+ writable$/)
  rmSync(obstacle, { recursive: true })
  await until(async () => {
    await clock.advance(1_000)
    return savedRevision(directory) === 1
  })
  assert.equal(lines.length, 1)
})

function place(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-last-good-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const clock = new FakeClock()
  const lines: string[] = []
  return { directory, clock, lines, open: () => new LastGood({ directory, clock, log: line => lines.push(line) }) }
}

function stateAt(revision: number): State {
  const value: Vpc = { id: 'vpc-1', cidrBlock: '10.0.0.0/16', isDefault: false, tags: [] }
  return applyChanges(emptyState, revision, [{ table: 'vpcs', key: value.id, value }])
}

function savedRevision(directory: string): number | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'last-good.state.json'), 'utf8')).revision
  } catch {
    return undefined
  }
}

function health(verdict: Health['verdict'], since: number): Health {
  return { verdict, since, against: 0, results: [] }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `not within 5 s: ${condition}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}
