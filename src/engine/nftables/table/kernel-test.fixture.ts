import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { lacking } from '../../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../../test/own-network.ts'
import { nft } from './listing.fixture.ts'

let isInside = false

/** In a network namespace of this file's own, with no table in it. */
export function kernelTest(title: string, run: (t: TestContext) => Promise<void>): void {
  test(title, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    if (spawnSync('nft', ['--version']).error) return lacking(t, 'nft (Debian: nftables)')
    if (!isInside) enterOwnNetwork()
    isInside = true
    nft('flush ruleset')
    await run(t)
  })
}
