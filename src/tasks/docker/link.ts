/** The stream of Docker's events: opened anew whenever it ends, for as long as it takes. */
import type { Cancel, Clock } from '../../clock.ts'
import { type DockerApi, DockerAway, DockerError, objectsIn } from './engine-api.ts'

interface LinkOptions {
  readonly api: DockerApi
  readonly clock: Clock
  /** Docker's filters of the events. */
  readonly filters: object
  /** From here on no event is missed; what was before is to be looked at. What it throws ends the stream. */
  onOpen(): Promise<void>
  /** A container that something happened to, by its labels. */
  onEvent(labels: Readonly<Record<string, string>>): void
  log(line: string): void
}

const firstPauseMs = 100
const longestPauseMs = 5_000
/** What listens and does not answer is away, too. */
const openMs = 10_000
/** A stream that lived so long was a good one: the next pause is the first again. */
const goodMs = 10_000

export class Link {
  /** The first try has succeeded or failed. */
  readonly tried: Promise<void>
  readonly #options: LinkOptions
  #stream = new AbortController()
  #pauseMs = firstPauseMs
  #cancelPause: Cancel | undefined
  #isClosed = false
  /** The operator was told that Docker is away, and not yet that it is back. */
  #isAway = false

  constructor(options: LinkOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<void>()
    this.tried = promise
    void this.#run(resolve)
  }

  /** A call got no answer, and nobody knows what it did: opens the stream anew, so that everything is looked at. */
  renew(error: DockerAway): void {
    this.#stream.abort(error)
  }

  close(): void {
    this.#isClosed = true
    this.#stream.abort()
    this.#cancelPause?.()
  }

  async #run(tried: () => void): Promise<void> {
    const { clock } = this.#options
    const stream = new AbortController()
    this.#stream = stream
    const begin = clock.monotonic()
    try {
      await this.#follow(stream.signal, tried)
    } catch (error) {
      if (!this.#isClosed) this.#tell(stream.signal.aborted ? stream.signal.reason : error)
    }
    tried()
    if (this.#isClosed) return
    if (clock.monotonic() - begin >= goodMs) this.#pauseMs = firstPauseMs
    this.#cancelPause = clock.after(this.#pauseMs, () => void this.#run(tried))
    this.#pauseMs = Math.min(longestPauseMs, 2 * this.#pauseMs)
  }

  /** Never returns: a stream ends by an error. */
  async #follow(signal: AbortSignal, opened: () => void): Promise<never> {
    const { api, clock, filters, onOpen, onEvent, log } = this.#options
    const late = api.away(`it said nothing for ${openMs / 1_000} s`)
    const cancel = clock.after(openMs, () => this.renew(late))
    const events = await api
      .open('GET', '/events', { query: { filters: JSON.stringify(filters) }, signal })
      .finally(cancel)
    try {
      await onOpen()
      if (this.#isAway) log('Docker answers again')
      this.#isAway = false
      opened()
      for await (const event of objectsIn(events)) {
        const { Actor } = event as { Actor: { Attributes: Record<string, string> } }
        onEvent(Actor.Attributes)
      }
    } finally {
      events.destroy()
    }
    throw new DockerAway('Docker ended its stream of events: dockerd went away')
  }

  #tell(error: unknown): void {
    if (!(error instanceof DockerAway || error instanceof DockerError)) throw error
    if (this.#isAway) return
    this.#isAway = true
    this.#options.log(`${error.message}; running tasks are left alone, and it is tried again`)
  }
}
