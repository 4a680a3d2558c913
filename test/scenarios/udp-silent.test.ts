/** A UDP target that falls silent without a word: reliability row R11. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite } from 'node:test'
import { lacking } from '../lacking.ts'
import { HostTarget } from './host-flows.ts'
import { has, until } from './sluice.ts'
import { flowsAt, isRoot, type StageTarget, testEverywhere, udpStage } from './udp-stage.ts'

// They mostly wait for health checks, so they do it at once.
suite('R11', { concurrency: true }, () => {
  testEverywhere(
    'when a UDP target falls silent, all its flows are back within threshold x interval + 1 s',
    28_130,
    async (t, at) => {
      if (!isRoot) return lacking(t, 'root, for a network namespace')
      if (!has('nft')) return lacking(t, 'nft (Debian: nftables)')
      const { a1, a2, flows } = await udpStage(t, at, 100)
      const itsFlows = flowsAt(flows, a1)
      assert.ok(itsFlows.length > 10)
      silence(a1)
      const silent = performance.now()
      flows.start(10)
      await until('all its flows are answered by the other target', () => flowsAt(flows, a2).length === 100, 11_500)
      flows.stop()
      t.diagnostic(
        `all ${itsFlows.length} flows were back ${((performance.now() - silent) / 1000).toFixed(1)} s after the target fell silent (2 x 5 s + 1 s)`,
      )
    },
  )
})

/** Drops, where the target is, whatever is sent to it. */
function silence(target: StageTarget): void {
  const { address, port } = target
  const rules = `table inet silence-${port} { chain in { type filter hook input priority 0; ip daddr ${address} th dport ${port} drop; }; }`
  if (target instanceof HostTarget) target.host.run('nft', rules)
  else execFileSync('nft', [rules])
}
