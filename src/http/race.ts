import { connectMs, patienceMs, refusalOf } from '../domain/connect-rules.ts'
import { TargetConnection } from './target-connection.ts'
import type { TargetPool } from './target-pool.ts'
import type { TargetSearch } from './target-search.ts'

/** Who waits for a connection to a target. */
export interface Racer {
  /** The one connection that is to be used. */
  onWon(connection: TargetConnection): void
  /** No target could be had: 502, or 504 where it was for the time that they took. */
  onNone(isTimeout: boolean): void
}

/** The way to a new connection: a target that refuses makes room for the next one, one that is slow gets company. */
export class Race {
  readonly #racer: Racer
  readonly #search: TargetSearch
  readonly #startedAt: number
  #attempts: { readonly connection: TargetConnection; readonly startedAt: number }[] = []
  #cancelTimer: () => void = () => {}
  #isOver = false

  /** @param first `search.next()`, where none is idle */
  constructor(racer: Racer, search: TargetSearch, first: TargetPool) {
    this.#racer = racer
    this.#search = search
    this.#startedAt = search.targets.timing.monotonic()
    this.#dial(first)
    this.#waitForAnswer()
  }

  get groupId(): string {
    return this.#search.groupId
  }

  get listenerPolicy(): string | undefined {
    return this.#search.listenerPolicy
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    this.#end(undefined)
  }

  onOpen(connection: TargetConnection): void {
    this.#win(connection)
  }

  /** @param error the system's code; `undefined`: the target is to have no connections any more */
  onFailed(connection: TargetConnection, error: string | undefined): void {
    if (this.#isOver) return
    const { target, tally } = connection.pool
    this.#attempts = this.#attempts.filter(attempt => attempt.connection !== connection)
    if ((error === 'EMFILE' || error === 'ENFILE') && this.#search.targets.makeRoom()) {
      this.#dial(connection.pool)
      return
    }
    if (error !== undefined) {
      tally.connectionErrors++
      if (error === 'TLS') tally.tlsErrors++
      const reason = refusalOf(error)
      if (reason !== undefined) this.#search.targets.suspects.report(target.key, reason)
    }
    this.#search.ended(target, true)
    if (this.#tryNext() || this.#attempts.length > 0) return
    this.#end(undefined)
    this.#racer.onNone(error === 'ETIMEDOUT')
  }

  /** False: there is no other target. */
  #tryNext(): boolean {
    const pool = this.#search.next()
    if (pool === undefined) return false
    const idle = pool.take()
    if (idle === undefined) this.#dial(pool)
    else this.#win(idle)
    return true
  }

  #win(connection: TargetConnection): void {
    const { timing, suspects } = this.#search.targets
    const now = timing.monotonic()
    const late = this.#attempts.filter(({ startedAt }) => now - startedAt >= patienceMs)
    this.#end(connection)
    this.#racer.onWon(connection)
    for (const { connection: slow, startedAt } of late) {
      const { pool } = slow
      // Else every new request would wait for a target that drops them while its health checks still pass.
      suspects.avoid(pool.target.key)
      if (pool.heardAt < startedAt) pool.doubt()
    }
  }

  #dial(pool: TargetPool): void {
    const { dialer, timing } = this.#search.targets
    const connection = new TargetConnection(pool, dialer, timing, this)
    this.#attempts.push({ connection, startedAt: timing.monotonic() })
  }

  #waitForAnswer(): void {
    const { timing, suspects } = this.#search.targets
    const left = connectMs - (timing.monotonic() - this.#startedAt)
    this.#cancelTimer = timing.after(Math.min(patienceMs, Math.max(left, 0)), () => {
      if (left > patienceMs) {
        this.#tryNext()
        if (!this.#isOver) this.#waitForAnswer()
        return
      }
      for (const { connection } of this.#attempts) {
        connection.pool.tally.connectionErrors++
        suspects.report(connection.pool.target.key, 'connect timed out')
      }
      this.#end(undefined)
      this.#racer.onNone(true)
    })
  }

  /** Gives up all attempts but this one. */
  #end(but: TargetConnection | undefined): void {
    this.#isOver = true
    this.#cancelTimer()
    for (const { connection } of this.#attempts) {
      if (connection === but) continue
      connection.abort()
      this.#search.ended(connection.pool.target, true)
    }
    this.#attempts = []
  }
}
