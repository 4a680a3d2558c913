import assert from 'node:assert/strict'
import { defaultNetwork } from '../domain/default-network.ts'
import type { Health } from '../domain/health.ts'
import { applyChanges, emptyState, type State } from '../domain/state.ts'
import { type Action, Draft } from './call.ts'

/**
 * Calls of one account and region, for tests of actions: on a state that begins with the default network in two zones, and
 * on a host that has 10.0.1.10 beside 127.0.0.1.
 */
export class Calls {
  state: State = applyChanges(emptyState, 1, defaultNetwork('000000000000', 'us-east-1', true))
  now = Date.UTC(2026, 0, 1)
  readonly health = new Map<string, Health>()
  #ids = 0

  get defaultVpcId(): string {
    return this.state.vpcs.values().find(vpc => vpc.isDefault)?.id ?? assert.fail()
  }

  /** Runs an action as the server does: its changes are kept if it answers, and none if it throws. */
  run<Input, Output>(action: Action<Input, Output>, input: Input): Output {
    const draft = new Draft(this.state)
    const output = action(input, {
      draft,
      account: '000000000000',
      region: 'us-east-1',
      now: this.now,
      hex: length => (++this.#ids).toString(16).padStart(length, '0'),
      uuid: () => `00000000-0000-4000-8000-${(++this.#ids).toString(16).padStart(12, '0')}`,
      host: { own: ['127.0.0.1', '10.0.1.10'], range: '198.18.0.0/15', ipv6Range: 'fd00::/64' },
      health: key => this.health.get(key),
      accessKeyId: 'test',
    })
    if (draft.changes.length > 0) this.state = applyChanges(this.state, this.state.revision + 1, draft.changes)
    return output
  }
}
