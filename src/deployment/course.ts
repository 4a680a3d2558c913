import type { Change, State } from '../domain/state.ts'
import type { HookAnswer } from './hooks.ts'
import type { HookCall, Move, View } from './view.ts'

/** One kind of deployment, as the runner moves it. All of it is pure. */
export interface Course {
  /** The keys of those that are not over, the oldest first. */
  unfinished(state: State): readonly string[]
  /** What one of them does next; applied again to what came of it, it goes on. */
  advance(key: string, view: View): Move
  /** Keeps what a hook said; nothing where nobody waits for it any longer. */
  answered(call: HookCall, answer: NonNullable<HookAnswer>, state: State, now: number): readonly Change[]
  /** A line for the operator where one came to another step, share or end. */
  told(key: string, before: State, after: State): string | undefined
}
