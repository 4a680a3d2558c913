import type { TestContext } from 'node:test'

/** Skips a test for something that this machine lacks, by name; under CI, where everything was installed, that is a failure. */
export function lacking(t: TestContext, what: string): void {
  if (process.env.CI === 'true') throw new Error(`needs ${what}, and CI must have it`)
  t.skip(`needs ${what}`)
}
