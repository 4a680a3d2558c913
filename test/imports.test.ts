import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** What all kinds of deployments stand on. */
const ofAllDeployments = ['course', 'marks', 'side', 'traffic', 'view', 'hooks']
  .map(file => `deployment/${file}`)
  .concat('domain')

/** Each room of src/: what of src/ it may import, and why not more. src/cli/ and the files directly under src/ are wiring. */
const rooms: Readonly<
  Record<
    string,
    {
      readonly may: readonly string[]
      readonly node: boolean
      /** Where `node` is false: packages that do no more than the room may. */
      readonly packages?: readonly string[]
      readonly because: string
    }
  >
> = {
  domain: {
    may: ['domain'],
    node: false,
    packages: ['re2js'],
    because: 'it decides, as pure functions: no I/O, no clock, the same on every host',
  },
  store: {
    may: ['store', 'domain'],
    node: true,
    because: 'it keeps what was asked for and knows nothing of who asks or serves',
  },
  api: {
    may: ['api', 'store', 'domain', 'clock', 'ids'],
    node: true,
    because: 'a call is one store transaction and never waits for the data plane',
  },
  feed: {
    may: ['feed', 'store', 'domain', 'engine/engine', 'clock'],
    node: true,
    because: 'it carries state and reports, and acts on neither',
  },
  tasks: {
    may: ['tasks', 'store', 'domain', 'clock', 'ids', 'durable-file'],
    node: true,
    because: 'it makes what runs equal to what the state asks for, and never waits for the data plane',
  },
  deployment: {
    may: ['deployment', 'store', 'domain', 'clock', 'ids'],
    node: true,
    because: 'it edits desired state and waits for what it is given as functions; it touches no engine and no task',
  },
  'deployment/code-deploy': {
    may: ['deployment/code-deploy', ...ofAllDeployments],
    node: false,
    because: 'each kind of deployment is pure, and knows nothing of the other one',
  },
  'deployment/service': {
    may: ['deployment/service', ...ofAllDeployments],
    node: false,
    because: 'each kind of deployment is pure, and knows nothing of the other one',
  },
  alarms: {
    may: ['alarms', 'store', 'domain', 'clock'],
    node: true,
    because: 'its metrics are functions that it is given',
  },
  check: { may: ['check', 'domain'], node: false, because: 'it judges a design, wherever that runs' },
  metrics: {
    may: ['metrics', 'domain', 'engine/engine', 'engine/counters', 'http/tally'],
    node: false,
    because: 'it writes down what it is given',
  },
  health: { may: ['health', 'domain', 'clock'], node: true, because: 'it knows targets by their probes alone' },
  dns: { may: ['dns', 'domain'], node: true, because: 'it answers from a function it is given' },
  reconcile: {
    may: ['reconcile', 'feed', 'engine/engine', 'domain', 'clock', 'durable-file'],
    node: true,
    because: 'it drives any engine, so it may know none',
  },
  rehearsal: {
    may: [
      'rehearsal',
      'api',
      'store',
      'domain',
      'tasks',
      'deployment',
      'reconcile',
      'feed/messages',
      'engine/engine',
      'clock',
      'virtual-clock',
      'ids',
    ],
    node: true,
    because: 'it plays the real code on virtual time, and only packets, checks and tasks are made up',
  },
  'rehearsal/drawing': {
    may: ['rehearsal/drawing', 'rehearsal/timeline', 'rehearsal/figures', 'api/xml'],
    node: false,
    because: 'it draws what a timeline says, wherever that was seen',
  },
  http: {
    may: ['http', 'domain'],
    node: true,
    because: 'it speaks HTTP without I/O, so that any transport can drive it',
  },
  engine: {
    may: ['engine', 'http', 'domain', 'clock', 'durable-file'],
    node: true,
    because: 'it knows Snapshots and nothing of where they come from',
  },
}

const isForTests = (file: string) => /\.(test|contract|fixture)\.ts$/.test(file)
const sources = globSync('src/**/*.ts', { cwd: root }).filter(file => !isForTests(file))

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(match => match[1] ?? '')
}

for (const [room, rule] of Object.entries(rooms)) {
  test(`src/${room} imports only ${rule.may.join(', ')}: ${rule.because}`, () => {
    const files = sources.filter(file => file.startsWith(`src/${room}/`))
    assert.notEqual(files.length, 0, `src/${room} is gone: take its rule away`)
    for (const file of files) {
      for (const target of importsOf(file)) {
        if (target.startsWith('.')) {
          const path = relative('src', normalize(join(dirname(file), target))).replace(/\.ts$/, '')
          const allowed = rule.may.some(may => path === may || path.startsWith(`${may}/`))
          assert.ok(allowed, `${file} imports ${target}: ${rule.because}`)
        } else if (!rule.node && !rule.packages?.includes(target))
          assert.fail(`${file} imports ${target}: ${rule.because}`)
      }
    }
  })
}

test('src/http has of node only what does no I/O', () => {
  for (const file of sources.filter(file => file.startsWith('src/http/')))
    for (const target of importsOf(file))
      assert.ok(target.startsWith('.') || ['node:crypto', 'node:buffer'].includes(target), `${file} imports ${target}`)
})

test('nothing that runs in production imports what is for tests', () => {
  for (const file of sources) {
    for (const target of importsOf(file)) {
      assert.ok(!isForTests(target) && !target.includes('/fake/'), `${file} imports ${target}`)
    }
  }
})

test('only src/clock.ts reads time or sets timers', () => {
  const reads = /\b(Date\.now|performance\.now|process\.hrtime|setTimeout|setInterval)\b|new Date\(\)/
  for (const file of sources) {
    // A line for the operator carries the time of day wherever it is written.
    if (file === 'src/clock.ts' || file === 'src/log.ts') continue
    const lines = readFileSync(join(root, file), 'utf8').split('\n')
    for (const [index, line] of lines.entries()) {
      assert.ok(
        !reads.test(line.replace(/\/\/.*|\*.*/, '')),
        `${file}:${index + 1} ${line.trim()}: time comes from the injected Clock`,
      )
    }
  }
})
