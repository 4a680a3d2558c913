import type { Clock } from '../clock.ts'
import type { HostAddresses } from '../domain/addresses.ts'
import type { Health } from '../domain/health.ts'
import type { State } from '../domain/state.ts'
import { type Ids, randomIds } from '../ids.ts'
import { RevisionConflict, type Store } from '../store/store.ts'
import { type Action, type Call, Draft } from './call.ts'
import { commonErrors } from './errors.ts'

/** What all calls have in common. */
export interface CallContext {
  readonly store: Store
  readonly clock: Clock
  readonly account: string
  readonly region: string
  hostAddresses(): HostAddresses
  health(key: string): Health | undefined
  readonly ids?: Ids
}

/** How often a call is tried again when somebody else, a deployment for one, commits in between. */
const attempts = 16

/**
 * Runs actions, each as one transaction of the store. A call that changes nothing answers from the newest committed state
 * and waits for nobody. Calls that change something commit one after the other, so that they conflict only with writers
 * other than the API; then they are decided again on the state that these left.
 */
export class CallRunner {
  readonly #context: CallContext
  #lastCommit: Promise<unknown> = Promise.resolve()

  constructor(context: CallContext) {
    this.#context = context
  }

  /**
   * Answers the action's output once its changes are durable. Rejects with what the action throws, and with
   * `ServiceUnavailable` when every attempt met a conflict; then nothing was changed. With `dryRun`, an action that would
   * have succeeded rejects with `DryRunOperation`.
   */
  async run<Input, Output>(
    action: Action<Input, Output>,
    input: Input,
    accessKeyId: string,
    dryRun: boolean,
  ): Promise<Output> {
    const decide = () => this.#decide(action, input, accessKeyId)
    const decided = decide()
    if (dryRun) throw commonErrors.dryRunOperation()
    if (decided.draft.changes.length === 0) return decided.output
    const committed = this.#lastCommit.then(() => this.#commit(decided, decide))
    this.#lastCommit = committed.catch(() => {
      // Its own caller is told; the next in line only waits for it.
    })
    return committed
  }

  #decide<Input, Output>(action: Action<Input, Output>, input: Input, accessKeyId: string): Decided<Output> {
    const context = this.#context
    const state = context.store.read()
    const draft = new Draft(state)
    const { ids = randomIds } = context
    const call: Call = {
      draft,
      account: context.account,
      region: context.region,
      now: context.clock.now(),
      hex: length => ids.hex(length),
      uuid: () => ids.uuid(),
      get host() {
        return context.hostAddresses()
      },
      health: key => context.health(key),
      accessKeyId,
    }
    return { state, draft, output: action(input, call) }
  }

  async #commit<Output>(first: Decided<Output>, decide: () => Decided<Output>): Promise<Output> {
    const store = this.#context.store
    let decided = first
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (decided.state.revision !== store.read().revision) decided = decide()
      if (decided.draft.changes.length === 0) return decided.output
      try {
        await store.transact(decided.state.revision, decided.draft.changes)
        return decided.output
      } catch (error) {
        if (!(error instanceof RevisionConflict)) throw error
      }
    }
    throw commonErrors.serviceUnavailable()
  }
}

interface Decided<Output> {
  readonly state: State
  readonly draft: Draft
  readonly output: Output
}
