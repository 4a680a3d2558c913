import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Asks each of these again and again, until told to stop or the test ends. Stopping answers what was no version, with when it came.
 *
 * @param asks by name
 */
export function keepAsking(
  t: TestContext,
  asks: Readonly<Record<string, () => Promise<string>>>,
): () => Promise<readonly string[]> {
  const strange: string[] = []
  let isOver = false
  t.after(() => {
    isOver = true
  })
  const asking = (async () => {
    while (!isOver) {
      for (const [name, ask] of Object.entries(asks)) {
        const answer = await ask()
        if (!/^v\d+$/.test(answer)) strange.push(`${new Date().toISOString()} ${name}: ${answer}`)
        await pause(2)
      }
    }
  })()
  return async () => {
    isOver = true
    await asking
    return strange
  }
}
