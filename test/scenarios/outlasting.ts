import { setTimeout as pause } from 'node:timers/promises'
import type { ECSClientConfig } from '@aws-sdk/client-ecs'

/**
 * An SDK client's `retryStrategy`, with which it outlasts the restarts of a control process: whenever nobody answers it asks again,
 * 0.1 s later, for ten seconds. The SDK's own gives a client so many retries for all of its calls together, which the polls of a
 * story with several kills use up.
 */
export const outlasting = {
  async acquireInitialRetryToken() {
    return attempt(0)
  },
  async refreshRetryTokenForRetry(last, { errorType }) {
    if (errorType === 'CLIENT_ERROR' || last.getRetryCount() >= 100) throw new Error('not again')
    await pause(100)
    return attempt(last.getRetryCount() + 1)
  },
  recordSuccess() {},
} satisfies ECSClientConfig['retryStrategy']

function attempt(count: number) {
  return { getRetryCount: () => count, getRetryDelay: () => 0 }
}
