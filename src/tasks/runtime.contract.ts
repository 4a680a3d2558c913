import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Place, RuntimeOptions, TaskEvent, TaskRuntime, TaskSpec } from './runtime.ts'

/** A runtime, and what its tasks run in these tests. */
export interface RuntimeUnderTest {
  /** What makes a task run `commandServer`, or something that answers like it. */
  readonly server: Pick<TaskSpec, 'image' | 'entryPoint' | 'command'>
  /** Opened several times on one data directory, one after the other: what an earlier one left is there for the next. */
  open(options: RuntimeOptions): Promise<TaskRuntime>
  /** How a task is asked: absent, by TCP. */
  readonly ask?: Ask
}

/** The answer to a line sent to a task's container port, waited for until it serves; `undefined`: nobody is there. */
export type Ask = (place: Place, containerPort: number, line: string) => Promise<string | undefined>

/**
 * For `node -e`: a TCP server at HOST and PORT, or with ANY=1 at every address of its own, that does what one line says: `env NAME`, `pid`,
 * `print TEXT` (to both outputs), `exit CODE`. It ends at SIGTERM, with 0; with DEAF=1 it does not.
 */
export const commandServer = `
process.on('SIGTERM', () => process.env.DEAF || process.exit(0))
require('node:net').createServer(socket => socket.on('error', () => {}).on('data', data => {
  const [, verb, rest] = /^(\\w+) ?(.*)/.exec(data)
  if (verb === 'exit') process.exit(Number(rest))
  if (verb === 'print') { console.log(rest); console.error(rest + ' on stderr') }
  socket.end(verb === 'env' ? process.env[rest] ?? 'none' : verb === 'pid' ? String(process.pid) : rest)
})).listen(Number(process.env.PORT), process.env.ANY ? undefined : process.env.HOST)
`

const containerPort = 8080

/** For a task that is stopped before it has answered: a container's program does not hear SIGTERM before it listens to it. */
const mayBeDeaf = { stopTimeoutMs: 100 }

/** What every runtime must do. `name` says which one in the tests' names. */
export function taskRuntimeContract(
  name: string,
  prepare: (t: TestContext) => Promise<RuntimeUnderTest | undefined>,
): void {
  const contract = (title: string, body: (bench: Bench) => Promise<void>) =>
    test(`${name}: ${title}`, { timeout: 60_000 }, async t => {
      const runtime = await prepare(t)
      // It has said what is lacking.
      if (runtime === undefined) return
      const dataDir = await mkdtemp(join(tmpdir(), 'sluice-tasks-'))
      const bench = new Bench(runtime, dataDir)
      try {
        await bench.open()
        await body(bench)
      } finally {
        await bench.close()
        await rm(dataDir, { recursive: true, force: true })
      }
    })

  contract('a task runs where it says, with HOST, PORT and its environment', async bench => {
    const spec = bench.spec({ environment: { COLOR: 'blue' } })
    const { place, startedAt } = await bench.run(spec)
    assert.ok(Math.abs(startedAt - Date.now()) < 60_000, `started at ${startedAt}`)
    assert.equal(await bench.ask(place, 'env COLOR'), 'blue')
    // Docker gives addresses after it has been told the environment.
    const host = await bench.ask(place, 'env HOST')
    assert.ok([place.address, '0.0.0.0'].includes(host), host)
    assert.equal(await bench.ask(place, 'env PORT'), String(place.ports[containerPort]))
  })

  contract('two tasks serve the same container port at once', async bench => {
    const [blue, green] = await Promise.all([
      bench.run(bench.spec({ environment: { COLOR: 'blue', ANY: '1' } })),
      bench.run(bench.spec({ environment: { COLOR: 'green', ANY: '1' } })),
    ])
    assert.deepEqual(
      [await bench.ask(blue.place, 'env COLOR'), await bench.ask(green.place, 'env COLOR')],
      ['blue', 'green'],
    )
  })

  contract('a task that is stopped is told as stopped, and nobody is there any more', async bench => {
    const spec = bench.spec()
    const { place } = await bench.run(spec)
    await bench.ask(place, 'pid')
    const { failedToStart, exitCode } = await bench.stop(spec)
    assert.deepEqual({ failedToStart, exitCode }, { failedToStart: false, exitCode: 0 })
    assert.equal(await bench.askOnce(place, 'pid'), undefined)
  })

  contract('a task that ignores SIGTERM is killed after its stop timeout', async bench => {
    const spec = bench.spec({ environment: { DEAF: '1' }, stopTimeoutMs: 300 })
    const { place } = await bench.run(spec)
    await bench.ask(place, 'pid')
    const begin = performance.now()
    const { failedToStart, exitCode, reason } = await bench.stop(spec)
    assert.deepEqual(
      { failedToStart, exitCode, reason },
      { failedToStart: false, exitCode: 137, reason: 'killed by SIGKILL' },
    )
    assert.ok(performance.now() - begin >= 290)
  })

  contract('a task that ends by itself is told with its exit code', async bench => {
    const spec = bench.spec()
    const { place } = await bench.run(spec)
    await bench.ask(place, 'exit 3')
    const { failedToStart, exitCode, reason } = await bench.stopped(spec)
    assert.deepEqual(
      { failedToStart, exitCode, reason },
      { failedToStart: false, exitCode: 3, reason: 'exited with 3' },
    )
  })

  contract('a program that is not there fails to start, with its name', async bench => {
    const spec = bench.spec({ entryPoint: ['/nosuch/program'] })
    bench.runtime.start(spec)
    const { failedToStart, reason } = await bench.stopped(spec)
    assert.equal(failedToStart, true)
    assert.match(reason, /^[^\n]*\/nosuch\/program[^\n]*$/)
    assert.deepEqual(bench.kinds(spec), ['stopped'])
  })

  contract('a task stopped as soon as it was started does not stay', async bench => {
    const spec = bench.spec(mayBeDeaf)
    bench.runtime.start(spec)
    await bench.stop(spec)
    assert.equal(bench.kinds(spec).at(-1), 'stopped')
    await bench.run(bench.spec(mayBeDeaf))
    assert.equal(bench.kinds(spec).at(-1), 'stopped')
  })

  contract('a task that is not there is told as stopped', async bench => {
    await bench.stop(bench.spec())
  })

  contract('a task that is there already is left alone', async bench => {
    const spec = bench.spec()
    const { place } = await bench.run(spec)
    const pid = await bench.ask(place, 'pid')
    bench.runtime.start(spec)
    await bench.run(bench.spec(mayBeDeaf))
    assert.equal(await bench.ask(place, 'pid'), pid)
    assert.deepEqual(bench.kinds(spec), ['running'])
  })

  contract('what a task writes to its outputs is kept, the newest of it', async bench => {
    const spec = bench.spec()
    const { place } = await bench.run(spec)
    await bench.ask(place, 'print hello')
    await bench.ask(place, 'print goodbye')
    const lines = async () =>
      String(await bench.runtime.logs(spec.id, 1_000))
        .trimEnd()
        .split('\n')
    await until(async () => (await lines()).length === 4)
    assert.deepEqual((await lines()).sort(), ['goodbye', 'goodbye on stderr', 'hello', 'hello on stderr'])
    assert.equal((await bench.runtime.logs(spec.id, 3))?.length, 3)
    await bench.stop(spec)
    assert.equal((await bench.runtime.logs(spec.id, 5))?.length, 5, 'kept after it stopped')
    assert.equal(await bench.runtime.logs(bench.spec().id, 5), undefined)
  })

  contract('tasks that are left go on, and are adopted; those not known are ended', async bench => {
    const [kept, unknown, ended] = [bench.spec({ environment: { COLOR: 'blue' } }), bench.spec(), bench.spec()]
    const places = await Promise.all([kept, unknown, ended].map(async spec => (await bench.run(spec)).place))
    const [place, unknownPlace, endedPlace] = places as [Place, Place, Place]
    const pid = await bench.ask(place, 'pid')
    await bench.ask(unknownPlace, 'pid')
    await bench.ask(endedPlace, 'pid')
    await bench.runtime.leave()
    assert.equal(await bench.ask(place, 'pid'), pid)
    await bench.ask(endedPlace, 'exit 0')
    const never = bench.spec()

    await bench.open([kept, ended, never])
    assert.deepEqual((await bench.running(kept)).place, place)
    await Promise.all([bench.stopped(ended), bench.stopped(never)])
    // Its listener may have been gone before it was.
    assert.equal(bench.kinds(ended).at(-1), 'stopped')
    assert.deepEqual([bench.kinds(kept), bench.kinds(never)], [['running'], ['stopped']])
    assert.equal(await bench.ask(place, 'pid'), pid)
    await until(async () => (await bench.askOnce(unknownPlace, 'pid')) === undefined)

    await bench.ask(place, 'exit 0')
    assert.equal((await bench.stopped(kept)).failedToStart, false)
  })

  contract('an adopted task can be stopped', async bench => {
    const spec = bench.spec()
    const { place } = await bench.run(spec)
    await bench.ask(place, 'pid')
    await bench.runtime.leave()
    await bench.open([spec])
    await bench.running(spec)
    await bench.stop(spec)
    assert.equal(await bench.askOnce(place, 'pid'), undefined)
  })

  contract('closed, it has ended all tasks', async bench => {
    const specs = [bench.spec(), bench.spec({ environment: { DEAF: '1' }, stopTimeoutMs: 200 })]
    const places = await Promise.all(specs.map(async spec => (await bench.run(spec)).place))
    for (const place of places) await bench.ask(place, 'pid')
    await bench.runtime.close()
    const answers = await Promise.all(places.map(place => bench.askOnce(place, 'pid')))
    assert.deepEqual(answers, [undefined, undefined])
  })
}

/** A runtime in a test, and what it told. */
class Bench {
  runtime!: TaskRuntime
  readonly #test: RuntimeUnderTest
  readonly #dataDir: string
  readonly #log: string[] = []
  #events: TaskEvent[] = []

  constructor(runtime: RuntimeUnderTest, dataDir: string) {
    this.#test = runtime
    this.#dataDir = dataDir
  }

  /** A new one; what the one before told is forgotten. */
  async open(known: readonly TaskSpec[] = []): Promise<void> {
    const events: TaskEvent[] = []
    this.#events = events
    this.runtime = await this.#test.open({
      dataDir: this.#dataDir,
      onEvent: event => events.push(event),
      log: line => this.#log.push(line),
    })
    await this.runtime.adopt(known)
  }

  close(): Promise<void> {
    return this.runtime?.close()
  }

  spec(extra: Partial<TaskSpec> = {}): TaskSpec {
    return {
      id: randomBytes(16).toString('hex'),
      name: 'web:1',
      ...this.#test.server,
      environment: {},
      ports: [{ containerPort, protocol: 'tcp' }],
      stopTimeoutMs: 5_000,
      ...extra,
    }
  }

  async run(spec: TaskSpec) {
    this.runtime.start(spec)
    return this.running(spec)
  }

  async stop(spec: TaskSpec) {
    this.runtime.stop(spec.id)
    return this.stopped(spec)
  }

  running = (spec: TaskSpec) => this.#told(spec, 'running')
  stopped = (spec: TaskSpec) => this.#told(spec, 'stopped')

  kinds(spec: TaskSpec): readonly string[] {
    return this.#events.filter(({ id }) => id === spec.id).map(({ kind }) => kind)
  }

  /** What a task answers that runs; it may not serve yet. */
  async ask(place: Place, line: string): Promise<string> {
    const answers: (string | undefined)[] = []
    await until(async () => {
      answers.push(await this.askOnce(place, line))
      return answers.at(-1) !== undefined
    })
    return answers.at(-1) ?? ''
  }

  askOnce(place: Place, line: string): Promise<string | undefined> {
    return (this.#test.ask ?? askByTcp)(place, containerPort, line)
  }

  async #told<Kind extends TaskEvent['kind']>(spec: TaskSpec, kind: Kind): Promise<TaskEvent & { kind: Kind }> {
    const events = this.#events
    const find = <K extends string>(kind: K) =>
      events.find((event): event is TaskEvent & { kind: K } => event.id === spec.id && event.kind === kind)
    // After `stopped` nothing more comes.
    await until(async () => (find(kind) ?? find('stopped')) !== undefined).catch(() => {})
    return (
      find(kind) ??
      assert.fail(`not told as ${kind}: ${JSON.stringify({ told: events, log: this.#log }, undefined, 1)}`)
    )
  }
}

function askByTcp(place: Place, port: number, line: string): Promise<string | undefined> {
  return new Promise(resolve => {
    let answer: string | undefined
    const socket = connect({ host: place.address, port: place.ports[port] ?? 0, timeout: 5_000 })
    socket.on('connect', () => {
      answer = ''
      socket.write(`${line}\n`)
    })
    socket.on('data', data => (answer = `${answer}${data}`))
    socket.on('end', () => resolve(answer))
    socket.on('timeout', () => socket.destroy(new Error('no answer')))
    socket.on('error', () => resolve(answer))
  })
}

/** Starting a program takes its time on a busy machine. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within 30 s: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
