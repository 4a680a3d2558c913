import type { ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import type { Cancel, Clock } from '../../clock.ts'
import type { Place, RuntimeOptions, TaskEvent, TaskRuntime, TaskSpec } from '../runtime.ts'
import { startHealthCheck } from './health-check.ts'
import { disinherit } from './inheritance.ts'
import { NamespaceSite } from './namespace-site.ts'
import { PortSite } from './port-site.ts'
import { identify, lives } from './process-table.ts'
import { kill, type Stage, startProgram } from './program.ts'
import type { Site } from './site.ts'
import { TaskFolders, type TaskRecord } from './task-folder.ts'
import { taskUser } from './task-user.ts'

export interface ProcessRuntimeOptions extends RuntimeOptions {
  /** Who runs tasks where we are root. */
  readonly user: string
  readonly clock: Clock
}

/** A program that ends sooner than this was never told as running. */
const provenMs = 50
/** How often those are looked at that are nobody's children any more. */
const watchMs = 100
const rotateMs = 1_000
/** What a task wrote stays as long as its record does. */
const keptMs = 3_600_000

/**
 * Tasks as processes of this host: the entry point followed by the command, in a session of its own, as an unprivileged user where we
 * are root, with PATH, HOST, PORT (its first port), PORT_8080 for each port, and the task's environment. The image is not used.
 * Without a working directory it is the one that Sluice was started in.
 *
 * Each has an address of its own where we may make network namespaces, else ports of its own (`NamespaceSite`, `PortSite`). They
 * live on when this process dies; the next runtime of the data directory knows them by `task.json`.
 *
 * @throws Error with one line for the operator: there is no such user
 */
export async function openProcessRuntime(options: ProcessRuntimeOptions): Promise<TaskRuntime> {
  await disinherit()
  const user = process.getuid?.() === 0 ? await taskUser(options.user) : undefined
  return new ProcessRuntime(options, { site: await openSite(options), user })
}

async function openSite({ dataDir, log }: RuntimeOptions): Promise<Site> {
  try {
    return await NamespaceSite.open(dataDir)
  } catch (error) {
    log(`tasks share 127.0.0.1, each with ports of its own (in the variable PORT), because ${(error as Error).message}`)
    return new PortSite()
  }
}

/** A task that was asked for, and has not ended. */
interface Task {
  readonly id: string
  record: TaskRecord
  /** What came of it so far: never rejects. */
  started: Promise<void>
  readonly ended: PromiseWithResolvers<void>
  readonly cancels: Cancel[]
  /** Absent for one that was adopted: its end is seen by looking. */
  child?: ChildProcess
  isStopping: boolean
  isKilled: boolean
  isEnding: boolean
  /** The operator knows, and not again each second. */
  saidUnrotated: boolean
}

type End = Omit<Extract<TaskEvent, { kind: 'stopped' }>, 'id' | 'kind'>

class ProcessRuntime implements TaskRuntime {
  readonly #options: ProcessRuntimeOptions
  readonly #stage: Stage
  readonly #folders: TaskFolders
  readonly #tasks = new Map<string, Task>()
  readonly #cancels: readonly Cancel[]
  #hasLeft = false

  constructor(options: ProcessRuntimeOptions, stage: Stage) {
    this.#options = options
    this.#stage = stage
    this.#folders = new TaskFolders(options.dataDir)
    this.#cancels = [
      options.clock.every(watchMs, () => this.#watch()),
      options.clock.every(rotateMs, () => this.#rotate()),
    ]
  }

  async adopt(known: readonly TaskSpec[]): Promise<void> {
    const specs = new Map(known.map(spec => [spec.id, spec]))
    const present = new Set(await this.#stage.site.present())
    for (const id of new Set([...this.#folders.ids(), ...present, ...specs.keys()])) {
      const [spec, record] = [specs.get(id), this.#folders.record(id)]
      if (record?.place !== undefined && record.process !== undefined && lives(record.process)) {
        this.#stage.site.adopt(id, record.place)
        const task = this.#add(id, record)
        if (spec === undefined) this.stop(id)
        else this.#isRunning(task, spec)
      } else if (spec !== undefined || present.has(id) || record?.endedAt === undefined) {
        const reason = record?.process === undefined ? 'had not started when Sluice ended' : afterRestart
        await this.#end(this.#add(id, record ?? { name: '', stopTimeoutMs: 0 }), { failedToStart: false, reason })
      }
    }
    this.#removeOld()
  }

  start(spec: TaskSpec): void {
    if (this.#tasks.has(spec.id) || this.#hasLeft) return
    const task = this.#add(spec.id, { name: spec.name, stopTimeoutMs: spec.stopTimeoutMs })
    task.started = this.#launch(task, spec).catch(error =>
      this.#end(task, { failedToStart: true, reason: error instanceof Error ? error.message : String(error) }),
    )
  }

  stop(id: string): void {
    const task = this.#tasks.get(id)
    if (task === undefined) this.#tell({ id, kind: 'stopped', failedToStart: false, reason: 'was not there' })
    if (task === undefined || task.isStopping) return
    task.isStopping = true
    // One that is being started sees it.
    if (task.record.process === undefined) return
    this.#signal(task, 'SIGTERM')
    task.cancels.push(this.#options.clock.after(task.record.stopTimeoutMs, () => this.#signal(task, 'SIGKILL')))
  }

  async logs(id: string, bytes: number): Promise<Buffer | undefined> {
    return this.#folders.output(id, bytes)
  }

  async leave(): Promise<void> {
    this.#hasLeft = true
    const tasks = [...this.#tasks.values()]
    for (const cancel of [...this.#cancels, ...tasks.flatMap(({ cancels }) => cancels)]) cancel()
    await Promise.all(tasks.map(({ started }) => started))
    for (const { child } of tasks) child?.removeAllListeners()
  }

  async close(): Promise<void> {
    for (const id of this.#tasks.keys()) this.stop(id)
    await Promise.all([...this.#tasks.values()].map(({ ended }) => ended.promise))
    await this.leave()
    await this.#stage.site.close().catch(error => this.#options.log(`tasks: ${error.message}`))
  }

  #add(id: string, record: TaskRecord): Task {
    const task: Task = {
      id,
      record,
      started: Promise.resolve(),
      ended: Promise.withResolvers(),
      cancels: [],
      isStopping: false,
      isKilled: false,
      isEnding: false,
      saidUnrotated: false,
    }
    this.#tasks.set(id, task)
    return task
  }

  async #launch(task: Task, spec: TaskSpec): Promise<void> {
    this.#removeOld()
    this.#keep(task, {})
    const place = await this.#stage.site.prepare(spec)
    if (task.isStopping || this.#hasLeft)
      return this.#end(task, { failedToStart: false, reason: 'stopped before it ran' })
    const child = this.#startMain(spec, place)
    task.child = child
    const process = child.pid === undefined ? undefined : identify(child.pid)
    if (process !== undefined) this.#keep(task, { place, process, startedAt: this.#options.clock.now() })
    child.once('error', error => this.#end(task, { failedToStart: true, reason: error.message }))
    child.once('exit', (code, signal) => this.#end(task, endOf(code, signal)))
    child.unref()
    task.cancels.push(this.#options.clock.after(provenMs, () => this.#isRunning(task, spec)))
  }

  #startMain(spec: TaskSpec, place: Place): ChildProcess {
    const output = this.#folders.openOutput(spec.id, this.#stage.user)
    try {
      return startProgram(this.#stage, spec, place, [...spec.entryPoint, ...spec.command], output)
    } finally {
      closeSync(output)
    }
  }

  #isRunning(task: Task, spec: TaskSpec): void {
    const { id } = task
    const { clock } = this.#options
    const { place, startedAt } = task.record
    if (place === undefined || startedAt === undefined) return
    this.#tell({ id, kind: 'running', place, startedAt })
    const check = spec.healthCheck
    if (check === undefined) return
    task.cancels.push(
      startHealthCheck({
        check,
        clock,
        ageMs: clock.now() - startedAt,
        run: (argv, timeoutMs) => this.#succeeds(spec, place, argv, timeoutMs),
        tell: health => this.#tell({ id, kind: 'health', health }),
      }),
    )
  }

  async #succeeds(spec: TaskSpec, place: Place, argv: readonly string[], timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    try {
      const child = startProgram(this.#stage, spec, place, argv, 'ignore')
      const cancel = this.#options.clock.after(timeoutMs, () => {
        if (child.pid !== undefined) this.#killGroup(spec.id, child.pid, 'SIGKILL')
        resolve(false)
      })
      child.once('error', () => resolve(false)).once('exit', code => resolve(code === 0))
      return await promise.finally(cancel)
    } catch {
      // The task ends while it is checked, and its network is gone.
      return false
    }
  }

  #keep(task: Task, more: Partial<TaskRecord>): void {
    task.record = { ...task.record, ...more }
    this.#folders.keep(task.id, task.record)
  }

  /** Its end is the end of all that it started. */
  async #end(task: Task, how: End): Promise<void> {
    if (task.isEnding || (this.#hasLeft && task.record.process !== undefined)) return
    task.isEnding = true
    for (const cancel of task.cancels) cancel()
    try {
      await this.#killAll(task.id)
      await this.#stage.site.remove(task.id)
      this.#keep(task, { endedAt: this.#options.clock.now() })
    } catch (error) {
      this.#options.log(`task ${task.id}: ${(error as Error).message}`)
    }
    this.#tasks.delete(task.id)
    this.#tell({ id: task.id, kind: 'stopped', ...how })
    task.ended.resolve()
  }

  async #killAll(id: string): Promise<void> {
    // Again, because one may have had a child in between; and one that waits for a disk may take its time.
    for (let pauseMs = 2; ; pauseMs = Math.min(2 * pauseMs, 1_000)) {
      const pids = await this.#stage.site.pids(id)
      if (pids.length === 0) return
      for (const pid of pids) kill(pid, 'SIGKILL')
      await new Promise<void>(resolve => this.#options.clock.after(pauseMs, resolve))
    }
  }

  #signal(task: Task, signal: 'SIGTERM' | 'SIGKILL'): void {
    const { process } = task.record
    if (process === undefined || !lives(process)) return
    task.isKilled ||= signal === 'SIGKILL'
    this.#killGroup(task.id, process.pid, signal)
  }

  /** Its process group: a shell's children get it, too. Without root, what sudo started is not ours to end. */
  #killGroup(id: string, pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
    try {
      kill(-pid, signal)
    } catch (error) {
      this.#options.log(`task ${id}: ${signal} to its processes: ${(error as Error).message}`)
    }
  }

  #watch(): void {
    for (const task of this.#tasks.values()) {
      const { process } = task.record
      if (task.child !== undefined || process === undefined || lives(process)) continue
      this.#end(task, task.isKilled ? endOf(null, 'SIGKILL') : { failedToStart: false, reason: afterRestart })
    }
  }

  #rotate(): void {
    for (const task of this.#tasks.values()) {
      const { id, record, saidUnrotated } = task
      try {
        if (record.process !== undefined) this.#folders.rotate(id)
        task.saidUnrotated = false
      } catch (error) {
        task.saidUnrotated = true
        if (!saidUnrotated) this.#options.log(`task ${id}: its output can't be rotated: ${(error as Error).message}`)
      }
    }
  }

  #removeOld(): void {
    const oldest = this.#options.clock.now() - keptMs
    for (const id of this.#folders.ids()) {
      if (this.#tasks.has(id)) continue
      const { endedAt } = this.#folders.record(id) ?? {}
      if (endedAt !== undefined && endedAt < oldest) this.#folders.remove(id)
    }
  }

  #tell(event: TaskEvent): void {
    if (!this.#hasLeft) this.#options.onEvent(event)
  }
}

const afterRestart = 'ended; its exit code is not known, because Sluice was started again after it'

/** As Docker says it: a signal is 128 more than its number. */
function endOf(code: number | null, signal: NodeJS.Signals | null): End {
  if (signal === null) return { failedToStart: false, reason: `exited with ${code}`, exitCode: code ?? 0 }
  return { failedToStart: false, reason: `killed by ${signal}`, exitCode: 128 + constants.signals[signal] }
}
