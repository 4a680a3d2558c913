import type { Commit } from './store.ts'

type Watcher = (commit: Commit) => void

/**
 * Tells watchers of commits: each of them every commit, in order, even where a watcher itself commits. A watcher that
 * throws is a bug of the watcher; it becomes a process warning and harms neither the commit nor the others.
 */
export class Commits {
  #watchers = new Set<Watcher>()
  #untold: { commit: Commit; watchers: readonly Watcher[] }[] = []
  #telling = false

  watch(onCommit: Watcher): () => void {
    // A function of its own, so that whoever watches twice is told twice and stops once.
    const watcher: Watcher = commit => onCommit(commit)
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  publish(commit: Commit): void {
    this.#untold.push({ commit, watchers: [...this.#watchers] })
    if (this.#telling) return
    this.#telling = true
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) {
      for (const watcher of next.watchers) if (this.#watchers.has(watcher)) tell(watcher, next.commit)
    }
    this.#telling = false
  }
}

function tell(watcher: Watcher, commit: Commit): void {
  try {
    watcher(commit)
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  }
}
