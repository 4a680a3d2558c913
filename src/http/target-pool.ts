import type { SnapshotTarget } from '../domain/snapshot.ts'
import { TargetTally } from './tally.ts'
import type { TargetConnection } from './target-connection.ts'

/** Idle connections kept to one target; more than that are closed as they become idle. */
const mostIdle = 512

/** One process's connections to one target, which it keeps and uses again, the newest first, so that what is too many gets old. */
export class TargetPool {
  readonly target: SnapshotTarget
  /** TLS is spoken with it. */
  readonly tls: boolean
  readonly tally: TargetTally
  /** All that are open, those included that are still connecting. */
  readonly open = new Set<TargetConnection>()
  /** Monotonic ms when the target last accepted a connection or began an answer. */
  heardAt = Number.NEGATIVE_INFINITY
  readonly #idle: TargetConnection[] = []
  /** Those that are closing, the oldest first. */
  readonly #closing = new Set<TargetConnection>()
  #isRetired = false

  constructor(target: SnapshotTarget, tls: boolean, tally = new TargetTally()) {
    this.target = target
    this.tls = tls
    this.tally = tally
  }

  get hasIdle(): boolean {
    return this.#idle.length > 0
  }

  /** The connection that was used last, if one is idle. */
  take(): TargetConnection | undefined {
    return this.#idle.pop()
  }

  /** The connection is idle from now on. */
  keep(connection: TargetConnection): void {
    if (this.#isRetired || this.#idle.length === mostIdle) connection.close()
    else this.#idle.push(connection)
  }

  /** The connection is closed, or about to be. */
  drop(connection: TargetConnection): void {
    const at = this.#idle.lastIndexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  /** The connection is about to be closed in good order, by `idleUntil`. */
  close(connection: TargetConnection): void {
    this.#closing.add(connection)
  }

  /** The connection is gone. */
  forget(connection: TargetConnection): void {
    this.open.delete(connection)
    this.#closing.delete(connection)
  }

  /** Closes what has been idle until `now` (monotonic ms) for too long; the oldest are first. */
  sweep(now: number): void {
    while (this.#idle.length > 0 && this.#idle[0]!.idleUntil <= now) this.#idle.shift()!.close()
    for (const connection of this.#closing) {
      if (connection.idleUntil > now) break
      this.#closing.delete(connection)
      connection.abort()
    }
  }

  /** Ends what is idle at once. @returns false where nothing was */
  abortIdle(): boolean {
    const hadSome = this.#idle.length > 0
    while (this.#idle.length > 0) this.#idle.pop()!.abort()
    return hadSome
  }

  /** The target does not answer: kept connections are of no use, and requests on them that it may never have got go elsewhere. */
  doubt(): void {
    for (const connection of [...this.open]) connection.doubt()
  }

  /** Takes no more requests, or does so again. Connections that are idle are closed, and the others after their answer. */
  retire(isRetired: boolean): void {
    this.#isRetired = isRetired
    if (isRetired) while (this.#idle.length > 0) this.#idle.pop()!.close()
  }
}
