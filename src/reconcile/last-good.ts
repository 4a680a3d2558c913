import { join } from 'node:path'
import type { Cancel, Clock } from '../clock.ts'
import type { Health, HealthByTarget } from '../domain/health.ts'
import { applyChanges, type Change, changedKeys, changesBetween, emptyState, type State } from '../domain/state.ts'
import type { Desired, Report } from '../feed/messages.ts'
import { parseDesired, parseReport } from '../feed/parse.ts'
import { stateOf, wholeState } from '../feed/whole-state.ts'
import { MessageFile } from './message-file.ts'

/** What comes is written after so long: the packets go first, and what belongs together costs one write. */
const soonMs = 10
/** State that comes in a burst is written once in so long, which is the most news that a crash can cost. */
const writeEveryMs = 250
const retryMs = 1_000

const stateName = 'last-good.state.json'
const healthName = 'last-good.health.json'

interface LastGoodOptions {
  readonly directory: string
  readonly clock: Clock
  log(line: string): void
}

/**
 * What the node was told last and how its targets were, on disk (`last-good.state.json`, `last-good.health.json`, each in
 * messages of the feed), so that a restarted node serves all of it before it has heard or probed anything.
 */
export class LastGood {
  readonly #options: LastGoodOptions
  readonly #stateFile: MessageFile
  readonly #healthFile: MessageFile
  #state: State = emptyState
  #savedState: State = emptyState
  #health: HealthByTarget = new Map()
  #savedHealth: HealthByTarget = new Map()
  #cancelWait: Cancel | undefined
  /** Monotonic milliseconds: when what is waited for is to be written, and when the last write began. */
  #dueAt = Infinity
  #writtenAt = -Infinity
  #writing: Promise<void> | undefined
  /** The last write's error, so that it is told once and not at each attempt. */
  #trouble: string | undefined
  #isClosed = false

  constructor(options: LastGoodOptions) {
    this.#options = options
    this.#stateFile = new MessageFile(join(options.directory, stateName))
    this.#healthFile = new MessageFile(join(options.directory, healthName))
  }

  /** What was saved: nothing where there is no file (a first start), nor where it can't be read, which the log says. */
  load(): { readonly state: State; readonly health: HealthByTarget } {
    this.#state = this.#savedState = this.#read(stateName, emptyState, () => readState(this.#stateFile.read()))
    this.#health = this.#savedHealth = this.#read<HealthByTarget>(healthName, new Map(), () =>
      readHealth(this.#healthFile.read()),
    )
    return { state: this.#state, health: this.#health }
  }

  /** Saves it soon, if it is new. */
  state(state: State): void {
    this.#state = state
    this.#schedule(this.#stateMs())
  }

  /**
   * Saves verdicts and their times at once, if one of them is new; results are not kept. They come together, every 250 ms at most: a
   * target that a restarted node took for new would lose its flows when the first other one is found healthy.
   */
  health(health: HealthByTarget): void {
    this.#health = health
    this.#schedule(soonMs)
  }

  /** Writes what is not yet written. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelWait?.()
    await this.#writing
    await this.#write()
  }

  #schedule(ms: number): void {
    const { clock } = this.#options
    const at = clock.monotonic() + ms
    if (at >= this.#dueAt || this.#writing !== undefined || this.#isClosed) return
    this.#cancelWait?.()
    this.#dueAt = at
    this.#cancelWait = clock.after(ms, () => {
      this.#dueAt = Infinity
      this.#writtenAt = clock.monotonic()
      this.#writing = this.#write().then(() => {
        this.#writing = undefined
        // What came during the write, or what could not be written.
        if (this.#trouble !== undefined) this.#schedule(retryMs)
        else if (this.#health !== this.#savedHealth) this.#schedule(soonMs)
        else if (this.#state !== this.#savedState) this.#schedule(this.#stateMs())
      })
    })
  }

  #stateMs(): number {
    return Math.max(soonMs, this.#writtenAt + writeEveryMs - this.#options.clock.monotonic())
  }

  async #write(): Promise<void> {
    try {
      const [state, saved] = [this.#state, this.#savedState]
      if (state !== saved) {
        const changes = (): Desired => ({
          kind: 'changes',
          revision: state.revision,
          changes: changesBetween(saved, state),
        })
        await this.#stateFile.save(() => wholeState(state), changes)
        this.#savedState = state
      }
      const health = this.#health
      const news = verdictNews(this.#savedHealth, health)
      if (news.length > 0) {
        const report = (whole: boolean, entries: typeof news): Report => ({ kind: 'health', whole, health: entries })
        const all = () => Array.from(health, ([key, its]) => [key, verdictOf(its)] as const)
        await this.#healthFile.save(
          () => report(true, all()),
          () => report(false, news),
        )
      }
      this.#savedHealth = health
      this.#trouble = undefined
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#trouble) {
        this.#options.log(
          `what is served now cannot be saved for a restart (${message}): make ${this.#options.directory} writable`,
        )
      }
      this.#trouble = message
    }
  }

  #read<Value>(name: string, nothing: Value, read: () => Value): Value {
    try {
      return read()
    } catch (error) {
      const path = join(this.#options.directory, name)
      this.#options.log(`${path} cannot be read (${(error as Error).message}): starting without what it held`)
      return nothing
    }
  }
}

function readState(lines: readonly string[]): State {
  let state = emptyState
  let { revision } = state
  const changes: Change[] = []
  for (const [i, line] of lines.entries()) {
    const message: Desired = parseDesired(line)
    if ((message.kind === 'state') !== (i === 0)) throw new Error('not a whole state and its changes')
    if (message.kind === 'state') state = stateOf(message, emptyState)
    else changes.push(...message.changes)
    revision = message.revision
  }
  return applyChanges(state, revision, changes)
}

function readHealth(lines: readonly string[]): HealthByTarget {
  const known = new Map<string, Health>()
  for (const line of lines) {
    const message: Report = parseReport(line)
    if (message.kind !== 'health') throw new Error('not health')
    for (const [key, health] of message.health) {
      if (health === null) known.delete(key)
      else known.set(key, health)
    }
  }
  return known
}

/** Which verdicts, or their times, are other ones than before; `null` where a target is gone. */
function verdictNews(before: HealthByTarget, after: HealthByTarget): readonly (readonly [string, Health | null])[] {
  return Array.from(changedKeys(before, after), key => [key, before.get(key), after.get(key)] as const)
    .filter(([, old, current]) => old?.verdict !== current?.verdict || old?.since !== current?.since)
    .map(([key, , current]) => [key, current === undefined ? null : verdictOf(current)])
}

function verdictOf({ suspect: _, ...health }: Health): Health {
  return { ...health, against: 0, results: [] }
}
