import type { Change, State } from '../domain/state.ts'

/** Durable desired state. What `transact` has answered survives `kill -9`. */
export interface Store {
  /** The newest committed state. */
  read(): State
  /**
   * Commits `changes` as one step if the store is still at `expected`, and answers the state after it.
   * Rejects with `RevisionConflict` otherwise; then nothing was changed. No changes: no new revision.
   */
  transact(expected: number, changes: readonly Change[]): Promise<State>
  /** Calls `onCommit` with each later commit, in order, after it is durable. The answer stops it. */
  watch(onCommit: (commit: Commit) => void): () => void
  close(): Promise<void>
}

export interface Commit {
  readonly state: State
  readonly changes: readonly Change[]
}

export class RevisionConflict extends Error {
  constructor(expected: number, actual: number) {
    super(`the store is at revision ${actual}, not ${expected}`)
    this.name = 'RevisionConflict'
  }
}

/** The store can't be opened or written. The message is one line for the operator: what is wrong and what to do. */
export class StoreUnusable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreUnusable'
  }
}
