import { readFileSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Cancel, Clock } from '../clock.ts'
import type { Health, HealthByTarget } from '../domain/health.ts'
import { emptyState, type State } from '../domain/state.ts'
import type { Desired, Report } from '../feed/messages.ts'
import { parseDesired, parseReport } from '../feed/parse.ts'
import { stateOf, wholeState } from '../feed/whole-state.ts'

/** At most one write in so long: a crash costs at most this much news, and bursts cost one write. */
const writeEveryMs = 250
const retryMs = 1_000

interface LastGoodOptions {
  readonly directory: string
  readonly clock: Clock
  log(line: string): void
}

/**
 * What the node was told last and how its targets were, on disk (`last-good.state.json`, `last-good.health.json`, each one
 * message of the feed), so that a restarted node serves all of it before it has heard or probed anything.
 */
export class LastGood {
  readonly #options: LastGoodOptions
  readonly #statePath: string
  readonly #healthPath: string
  #state: State = emptyState
  #savedState: State = emptyState
  #health: HealthByTarget = new Map()
  #savedHealth: HealthByTarget = new Map()
  #cancelWait: Cancel | undefined
  #writing: Promise<void> | undefined
  /** The last write's error, so that it is told once and not at each attempt. */
  #trouble: string | undefined
  #isClosed = false

  constructor(options: LastGoodOptions) {
    this.#options = options
    this.#statePath = join(options.directory, 'last-good.state.json')
    this.#healthPath = join(options.directory, 'last-good.health.json')
  }

  /** What was saved: nothing where there is no file (a first start), nor where it can't be read, which the log says. */
  load(): { readonly state: State; readonly health: HealthByTarget } {
    this.#state = this.#savedState = this.#read(this.#statePath, emptyState, text => {
      const message: Desired = parseDesired(text)
      if (message.kind !== 'state') throw new Error('not a whole state')
      return stateOf(message, emptyState)
    })
    this.#health = this.#savedHealth = this.#read<HealthByTarget>(this.#healthPath, new Map(), text => {
      const message: Report = parseReport(text)
      if (message.kind !== 'health') throw new Error('not health')
      return new Map(message.health.flatMap(([key, health]) => (health === null ? [] : [[key, health]])))
    })
    return { state: this.#state, health: this.#health }
  }

  /** Saves it soon, if it is new. */
  state(state: State): void {
    this.#state = state
    this.#schedule(writeEveryMs)
  }

  /** Saves verdicts and their times soon, if one of them is new; results are not kept. `health` may change afterwards. */
  health(health: HealthByTarget): void {
    this.#health = health
    this.#schedule(writeEveryMs)
  }

  /** Writes what is not yet written. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelWait?.()
    await this.#writing
    await this.#write()
  }

  #schedule(ms: number): void {
    if (this.#cancelWait !== undefined || this.#writing !== undefined || this.#isClosed) return
    this.#cancelWait = this.#options.clock.after(ms, () => {
      this.#cancelWait = undefined
      this.#writing = this.#write().then(() => {
        this.#writing = undefined
        // What came during the write, or what could not be written.
        if (this.#trouble !== undefined) this.#schedule(retryMs)
        else if (this.#isDue()) this.#schedule(writeEveryMs)
      })
    })
  }

  #isDue(): boolean {
    return this.#state !== this.#savedState || !isSameHealth(this.#health, this.#savedHealth)
  }

  async #write(): Promise<void> {
    try {
      const state = this.#state
      if (state !== this.#savedState) {
        await replace(this.#statePath, JSON.stringify(wholeState(state)))
        this.#savedState = state
      }
      if (!isSameHealth(this.#health, this.#savedHealth)) {
        const health = verdictsOf(this.#health)
        const report: Report = { kind: 'health', whole: true, health: [...health] }
        await replace(this.#healthPath, JSON.stringify(report))
        this.#savedHealth = health
      }
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

  #read<Value>(path: string, nothing: Value, parse: (text: string) => Value): Value {
    try {
      return parse(readFileSync(path, 'utf8'))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') this.#options.log(`${path} cannot be read (${message}): starting without what it held`)
      return nothing
    }
  }
}

function verdictsOf(health: HealthByTarget): HealthByTarget {
  const verdicts = new Map<string, Health>()
  for (const [key, { verdict, since }] of health) verdicts.set(key, { verdict, since, against: 0, results: [] })
  return verdicts
}

function isSameHealth(a: HealthByTarget, b: HealthByTarget): boolean {
  if (a.size !== b.size) return false
  for (const [key, { verdict, since }] of a) {
    const other = b.get(key)
    if (other?.verdict !== verdict || other.since !== since) return false
  }
  return true
}

/** Puts `text` in place of the file, so that after any crash it is the old one or the new one, whole. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const directory = await open(dirname(path))
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
