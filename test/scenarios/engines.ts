/** Stories that are told in the kernel and in userspace alike. */
import { type TestContext, test } from 'node:test'
import { lacking } from '../lacking.ts'
import { timeout } from '../long.ts'

export interface OnEngine {
  readonly engine: 'kernel' | 'userspace'
  /** For `startSluice`. */
  readonly flags: readonly string[]
  /** The first of the story's own ports. */
  readonly port: number
}

/** @param port the kernel's story uses those from here on, userspace's those from 500 higher on */
export function testOnEachEngine(
  title: string,
  port: number,
  story: (t: TestContext, on: OnEngine) => Promise<void>,
): void {
  test(`kernel: ${title}`, { timeout }, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    await story(t, { engine: 'kernel', flags: [], port })
  })
  test(`userspace: ${title}`, { timeout }, t =>
    story(t, { engine: 'userspace', flags: ['--no-kernel'], port: port + 500 }),
  )
}
