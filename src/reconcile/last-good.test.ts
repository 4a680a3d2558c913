import assert from 'node:assert/strict'
import {
  existsSync,
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
import type { Health } from '../domain/health.ts'
import { subnet } from '../domain/state.fixture.ts'
import { applyChanges, type Change, emptyState, type State } from '../domain/state.ts'
import { wholeState } from '../feed/whole-state.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { LastGood } from './last-good.ts'

test('what was saved is loaded again: the whole state, and verdicts with their times', async t => {
  const { directory, open } = place(t)
  const first = open()
  assert.deepEqual(first.load(), { state: emptyState, health: new Map() })
  const state = stateAt(7)
  first.state(state)
  first.health(new Map([['x', { ...health('unhealthy', 5), registeredAt: 3 }]]))
  await first.close()
  const { state: read, health: verdicts } = open().load()
  assert.deepEqual(read, state)
  assert.deepEqual([...verdicts], [['x', { verdict: 'unhealthy', since: 5, against: 0, results: [], registeredAt: 3 }]])
  assert.deepEqual(readdirSync(directory).sort(), ['last-good.health.json', 'last-good.state.json'])
  assert.equal(statSync(join(directory, 'last-good.state.json')).mode & 0o777, 0o600)
})

test('news is written after 10 ms, a burst of it every 250 ms, the newest only', async t => {
  const { directory, clock, open } = place(t)
  const lastGood = open()
  lastGood.state(stateAt(1))
  await clock.advance(9)
  lastGood.state(stateAt(2))
  assert.deepEqual(readdirSync(directory), [])
  await clock.advance(1)
  await until(() => savedRevision(directory) === 2)
  for (const revision of [3, 4]) {
    lastGood.state(stateAt(revision))
    await clock.advance(100)
  }
  assert.equal(savedRevision(directory), 2)
  await until(async () => {
    await clock.advance(50)
    return savedRevision(directory) === 4
  })
})

test('verdicts are written after 10 ms', async t => {
  const { clock, open } = place(t)
  open().health(new Map([['x', health('healthy', 5)]]))
  await clock.advance(10)
  await until(() => open().load().health.size === 1)
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

test('what changes is added to what is there, and loaded with it', async t => {
  const { directory, clock, open } = place(t)
  const files = ['state', 'health'].map(name => join(directory, `last-good.${name}.json`))
  const sizes = () => files.map(file => statSync(file).size)
  const first = open()
  const many = Array.from(
    { length: 500 },
    (_, n): Change => ({ table: 'subnets', key: `subnet-${n}`, value: subnet(`${n}`, '10.0.0.0/24') }),
  )
  const verdicts = new Map(many.map(({ key }) => [key, health('healthy', 5)]))
  let state = applyChanges(emptyState, 1, many)
  first.state(state)
  first.health(verdicts)
  await clock.advance(250)
  await until(() => files.every(file => existsSync(file)))
  const before = sizes()

  state = applyChanges(state, 2, [{ table: 'subnets', key: 'subnet-7' }])
  state = applyChanges(state, 3, [{ table: 'subnets', key: 'new', value: subnet('new', '10.0.0.0/24') }])
  const changed = new Map([
    ...verdicts,
    ['subnet-1', health('unhealthy', 6)] as const,
    ['new', health('initial', 6)] as const,
  ])
  changed.delete('subnet-7')
  first.state(state)
  first.health(changed)
  await first.close()
  const grown = sizes().map((size, i) => size - (before[i] ?? 0))
  assert.ok(
    grown.every(bytes => bytes > 50 && bytes < 500),
    `${grown}`,
  )
  const { state: read, health: verdictsRead } = open().load()
  assert.deepEqual(read, state)
  assert.deepEqual(verdictsRead, changed)
})

test('a change that a crash cut off is not there, and the next save is whole again', async t => {
  const { directory, clock, open } = place(t)
  const first = open()
  first.state(stateAt(1))
  await clock.advance(250)
  await until(() => savedRevision(directory) === 1)
  first.state(stateAt(2))
  await first.close()
  const path = join(directory, 'last-good.state.json')
  truncateSync(path, statSync(path).size - 5)
  const second = open()
  assert.equal(second.load().state.revision, 1)
  second.state(stateAt(3))
  await second.close()
  assert.deepEqual(open().load().state, stateAt(3))
})

test('what an older version saved, without a line’s end, is loaded', t => {
  const { directory, lines, open } = place(t)
  writeFileSync(join(directory, 'last-good.state.json'), JSON.stringify(wholeState(stateAt(7))))
  assert.deepEqual(open().load().state, stateAt(7))
  assert.deepEqual(lines, [])
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
  const clock = new VirtualClock()
  const lines: string[] = []
  return { directory, clock, lines, open: () => new LastGood({ directory, clock, log: line => lines.push(line) }) }
}

function stateAt(revision: number): State {
  return applyChanges(emptyState, revision, [{ table: 'subnets', key: 'subnet-1', value: subnet('1', '10.0.0.0/24') }])
}

function savedRevision(directory: string): number | undefined {
  try {
    const lines = readFileSync(join(directory, 'last-good.state.json'), 'utf8').split('\n')
    return JSON.parse(lines.at(-2) ?? '').revision
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
