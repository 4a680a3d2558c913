import { applyChanges, type Change, emptyState, type State } from '../domain/state.ts'
import { Commits } from './commits.ts'
import { RevisionConflict, type Store } from './store.ts'

/** What makes a store durable. `write` keeps a commit before anybody sees it; if it throws, nothing was committed. */
export interface Journal {
  write(revision: number, changes: readonly Change[]): void
  close(): void
}

/** A store that starts at `initial` and holds its state in memory; without a `journal` it forgets all when it closes. */
export function openMemoryStore(initial: State = emptyState, journal?: Journal): Store {
  const commits = new Commits()
  let state = initial
  let closed = false
  return {
    read: () => state,

    async transact(expected, changes) {
      if (closed) throw new Error('the store is closed')
      if (expected !== state.revision) throw new RevisionConflict(expected, state.revision)
      if (changes.length === 0) return state
      const next = applyChanges(state, state.revision + 1, changes)
      journal?.write(next.revision, changes)
      state = next
      commits.publish({ state: next, changes })
      return next
    },

    watch: onCommit => commits.watch(onCommit),

    async close() {
      if (closed) return
      closed = true
      journal?.close()
    },
  }
}
