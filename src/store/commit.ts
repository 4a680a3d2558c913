import type { Change, State } from '../domain/state.ts'
import { RevisionConflict, type Store } from './store.ts'

/** Commits what `change` makes of the newest state, again if somebody else came first. Answers the state after it. */
export async function commit(store: Store, change: (state: State) => readonly Change[]): Promise<State> {
  for (;;) {
    const state = store.read()
    try {
      return await store.transact(state.revision, change(state))
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error
    }
  }
}
