import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { until } from '../../engine/until.fixture.ts'
import { VirtualClock } from '../../virtual-clock.ts'
import { commandServer, taskRuntimeContract } from '../runtime.contract.ts'
import type { TaskEvent, TaskRuntime, TaskSpec } from '../runtime.ts'
import { processesWhere } from './process-table.ts'
import { openProcessRuntime } from './runtime.ts'

/** What processes as tasks must do, each with an address or a port; `lack` is what this machine lacks for it. */
export function processRuntimeContract(name: string, lack: string | undefined): void {
  taskRuntimeContract(name, async t => {
    if (lack !== undefined) return void lacking(t, lack)
    return {
      server: { image: 'none', entryPoint: [process.execPath, '-e'], command: [commandServer] },
      open: options => openProcessRuntime({ ...options, user: 'nobody', clock: systemClock }),
    }
  })
  const contract = (title: string, body: (t: TestContext) => Promise<void>) =>
    test(`${name}: ${title}`, t => (lack === undefined ? body(t) : lacking(t, lack)))

  contract('a shell’s children end with it, also one that left its session', async t => {
    const bench = await ProcessBench.open(t)
    const spec = shell('sleep 1000 & setsid sleep 1001 & setsid sh -c "sleep 1002 & sleep 1003" & sleep 1004; true')
    bench.runtime.start(spec)
    await bench.told(spec, 'running')
    await until(() => processesOf(spec).length >= 6)
    bench.runtime.stop(spec.id)
    await bench.told(spec, 'stopped')
    assert.deepEqual(processesOf(spec), [])
  })

  contract('what a program that ended by itself left behind is ended', async t => {
    const bench = await ProcessBench.open(t)
    const spec = shell('setsid sleep 1000 & sleep 0.1')
    bench.runtime.start(spec)
    await bench.told(spec, 'stopped')
    assert.deepEqual(processesOf(spec), [])
  })

  contract('a program that ends at once was never told as running', async t => {
    const bench = await ProcessBench.open(t)
    const spec = shell('exit 7')
    bench.runtime.start(spec)
    await bench.told(spec, 'stopped')
    const [{ ...event }, ...more] = bench.events.filter(({ id }) => id === spec.id)
    assert.deepEqual(event, {
      id: spec.id,
      kind: 'stopped',
      failedToStart: false,
      reason: 'exited with 7',
      exitCode: 7,
    })
    assert.deepEqual(more, [])
  })

  contract('a task sees nothing of our environment but PATH, and starts in its working directory', async t => {
    const bench = await ProcessBench.open(t)
    process.env.AWS_SECRET_ACCESS_KEY = 'ours'
    const spec = {
      ...shell('env; pwd; sleep 1000'),
      workingDirectory: '/usr',
      environment: { COLOR: 'blue' },
    }
    bench.runtime.start(spec)
    const { place } = await bench.told(spec, 'running')
    const output = async () =>
      String(await bench.runtime.logs(spec.id, 10_000))
        .trimEnd()
        .split('\n')
    await until(async () => (await output()).at(-1) === '/usr')
    const port = place.ports[8080]
    assert.deepEqual(
      (await output()).filter(line => !/^(_|SHLVL|PWD|OLDPWD)=/.test(line)).sort(),
      [
        '/usr',
        'COLOR=blue',
        `HOST=${place.address}`,
        `PATH=${process.env.PATH}`,
        `PORT=${port}`,
        `PORT_8080=${port}`,
        `SLUICE_TASK=${spec.id}`,
      ].sort(),
    )
  })

  contract('a task has no file of ours open, and finds nothing in the data directory', async t => {
    const dataDir = temporaryDirectory()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const bench = await ProcessBench.open(t, dataDir)
    const spec = shell('ls -l /proc/$$/fd; echo end; sleep 1000')
    bench.runtime.start(spec)
    const output = async () => String(await bench.runtime.logs(spec.id, 10_000))
    await until(async () => (await output()).endsWith('end\n'), 20_000)
    const log = join(dataDir, 'tasks', spec.id, 'output.log')
    const files = (await output()).match(/\d+ -> .*$/gm)
    assert.deepEqual(files, ['0 -> /dev/null', `1 -> ${log}`, `2 -> ${log}`])
    for (const path of ['tasks', join('tasks', spec.id)])
      assert.equal(statSync(join(dataDir, path)).mode & 0o077, 0, `others may enter ${path}`)
  })

  contract('that a task’s output is gone is said once', async t => {
    const clock = new VirtualClock(Date.now())
    const dataDir = temporaryDirectory()
    const bench = await ProcessBench.open(t, dataDir, [], {
      ...systemClock,
      every: (ms, task) => clock.every(ms, task),
    })
    const spec = shell('sleep 1000')
    bench.runtime.start(spec)
    await bench.told(spec, 'running')
    rmSync(join(dataDir, 'tasks', spec.id, 'output.log'))
    await clock.advance(5_000)
    assert.equal(bench.log.filter(line => line.includes("can't be rotated: ENOENT")).length, 1)
  })

  contract('where its folder cannot be made the task fails with the reason', async t => {
    const dataDir = temporaryDirectory()
    const bench = await ProcessBench.open(t, dataDir)
    writeFileSync(join(dataDir, 'tasks'), '')
    const spec = shell('true')
    bench.runtime.start(spec)
    const { failedToStart, reason } = await bench.told(spec, 'stopped')
    assert.equal(failedToStart, true)
    assert.match(reason, /^ENOTDIR: /)
  })

  contract('a working directory that is not there fails the start, with its name', async t => {
    const bench = await ProcessBench.open(t)
    const spec = { ...shell('true'), workingDirectory: '/nosuch' }
    bench.runtime.start(spec)
    const { failedToStart, reason } = await bench.told(spec, 'stopped')
    assert.deepEqual([failedToStart, reason], [true, 'there is no directory /nosuch'])
  })

  contract('a task’s own health check runs where the task does', async t => {
    const bench = await ProcessBench.open(t)
    const file = join(mkdtempSync(join(tmpdir(), 'sluice-tasks-')), 'healthy')
    t.after(() => rmSync(dirname(file), { recursive: true }))
    const command = ['CMD-SHELL', `test "$HOST:$PORT:$COLOR" = "$(cat ${file})"`]
    const spec = {
      ...shell('sleep 1000'),
      environment: { COLOR: 'blue' },
      healthCheck: { command, intervalSeconds: 0.05, timeoutSeconds: 5, retries: 1, startPeriodSeconds: 0 },
    }
    bench.runtime.start(spec)
    const { place } = await bench.told(spec, 'running')
    const health = () => bench.events.flatMap(event => (event.kind === 'health' ? [event.health] : []))
    await until(() => health().at(-1) === 'UNHEALTHY')
    chmodSync(dirname(file), 0o755)
    writeFileSync(file, `${place.address}:${place.ports[8080]}:blue`)
    await until(() => health().at(-1) === 'HEALTHY')
  })

  contract('tasks go on when their owner is killed, and the next adopts them', async t => {
    const dataDir = temporaryDirectory()
    const [kept, unknown] = [shell('echo $$; sleep 1000'), shell('sleep 1000')]
    const owner = await startOwner(t, dataDir, [kept, unknown])
    await until(() => owner.output().split('"running"').length === 3)
    await kill(owner.process)
    const before = processesOf(kept)
    assert.equal(before.length, 2)

    const bench = await ProcessBench.open(t, dataDir, [kept])
    await bench.told(kept, 'running')
    await until(() => processesOf(unknown).length === 0)
    assert.deepEqual(processesOf(kept), before)
    const pid = Number(await bench.runtime.logs(kept.id, 100))
    process.kill(pid, 'SIGKILL')
    await bench.told(kept, 'stopped')
    assert.deepEqual(processesOf(kept), [])
  })

  contract('whenever its owner is killed, no task is left that nobody asks for', async t => {
    const dataDir = temporaryDirectory()
    for (const ms of [0, 5, 10, 15, 20, 30, 50, 80]) {
      const specs = [shell('sleep 1000'), shell('sleep 1000'), shell('sleep 1000')]
      const owner = await startOwner(t, dataDir, specs)
      await new Promise(resolve => setTimeout(resolve, ms))
      await kill(owner.process)
      const next = await startOwner(t, dataDir, [])
      await until(() => specs.every(spec => processesOf(spec).length === 0))
      await kill(next.process)
      assert.deepEqual(specs.flatMap(processesOf), [], `killed after ${ms} ms`)
    }
    await (await ProcessBench.open(t, dataDir)).runtime.close()
  })
}

/** A runtime in a test, which is closed after it. */
export class ProcessBench {
  readonly events: TaskEvent[] = []
  readonly log: string[] = []
  runtime!: TaskRuntime

  static async open(
    t: TestContext,
    dataDir = temporaryDirectory(),
    known: readonly TaskSpec[] = [],
    clock: Clock = systemClock,
  ) {
    const bench = new ProcessBench()
    bench.runtime = await openProcessRuntime({
      dataDir,
      user: 'nobody',
      clock,
      onEvent: event => bench.events.push(event),
      log: line => bench.log.push(line),
    })
    t.after(() => bench.runtime.close())
    await bench.runtime.adopt(known)
    return bench
  }

  /** What the shell of a task with this environment makes of `text`, and where the task runs. */
  async echo(text: string, environment: TaskSpec['environment']) {
    const spec = { ...shell(`echo "${text}"; sleep 1000`), environment }
    this.runtime.start(spec)
    const { place } = await this.told(spec, 'running')
    const output = async () => String(await this.runtime.logs(spec.id, 10_000))
    await until(async () => (await output()).endsWith('\n'))
    return { place, output: (await output()).trimEnd() }
  }

  async told<Kind extends TaskEvent['kind']>(spec: TaskSpec, kind: Kind) {
    const find = () => this.events.find(event => event.id === spec.id && event.kind === kind)
    await until(() => find() !== undefined, 20_000)
    return find() as TaskEvent & { kind: Kind }
  }
}

export function shell(script: string): TaskSpec {
  return {
    id: randomBytes(16).toString('hex'),
    name: 'web:1',
    image: 'none',
    entryPoint: ['sh', '-c'],
    command: [script],
    environment: {},
    ports: [{ containerPort: 8080, protocol: 'tcp' }],
    stopTimeoutMs: 5_000,
  }
}

/** Whatever runs with the task's id in its environment, which children inherit. */
export function processesOf({ id }: Pick<TaskSpec, 'id'>): readonly number[] {
  return processesWhere(pid => readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`SLUICE_TASK=${id}`))
}

/** Removed when all tests of this process are over, and so whatever runs on it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-tasks-'))
  directories.push(directory)
  return directory
}

const directories: string[] = []
process.once('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** A process with a runtime of its own that starts these; `under` is a program that starts it, with its arguments. */
export async function startOwner(
  t: TestContext,
  dataDir: string,
  specs: readonly TaskSpec[],
  under: readonly string[] = [],
) {
  const fixture = join(import.meta.dirname, 'owner.fixture.ts')
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', fixture, dataDir, JSON.stringify(specs)]
  const [program = '', ...args] = [...under, ...node]
  const owner = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => owner.kill('SIGKILL'))
  let output = ''
  owner.stdout.on('data', data => {
    output += data
  })
  await until(() => output.includes('open\n'), 20_000)
  return { process: owner, output: () => output }
}

export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}
