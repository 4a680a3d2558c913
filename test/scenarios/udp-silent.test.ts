/** A UDP target that falls silent without a word: reliability row R11. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { lacking } from '../lacking.ts'
import { Network } from './network.ts'
import { has, startSluice, until } from './sluice.ts'
import { Flows, startTarget } from './targets.ts'

const inside = process.env.SLUICE_TEST_NAMESPACE === '1'

test('R11: when a UDP target falls silent, all its flows are back within threshold x interval + 1 s', async t => {
  if (process.getuid?.() !== 0) return lacking(t, 'root, for a network namespace')
  if (!has('nft') || !has('ip')) return lacking(t, 'nft and ip (Debian: nftables, iproute2)')
  if (!inside) {
    // The same test again, in a network namespace of its own, where a rule that drops packets disturbs nobody.
    const again = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=tap', import.meta.filename]
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env
    const child = spawn('unshare', ['-n', process.execPath, ...again], {
      env: { ...environment, SLUICE_TEST_NAMESPACE: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', chunk => (output += chunk))
    const [code] = await once(child, 'exit')
    for (const [, figure] of output.matchAll(/# (all .*)/g)) t.diagnostic(String(figure))
    assert.equal(code, 0, output)
    return
  }

  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const [one, two] = await Promise.all([1, 2].map(host => startTarget(t, `127.74.0.${host}`, 28114)))
  assert.ok(one && two)
  const group = await network.targetGroup('UDP', [one, two])
  await network.listener(await network.loadBalancer(), 'UDP', 28114, { [group]: 1 })
  await network.allHealthy(group)
  const flows = await Flows.open(t, 200, '127.0.0.1', 28114)
  await until('every flow is answered', () => {
    flows.sendAll()
    return flows.lastFrom().every(from => from !== undefined)
  })
  assert.ok(flows.lastFrom().includes(one.address))

  execFileSync('nft', ['-f', '-'], {
    input: `table ip silence { chain out { type filter hook output priority 0; ip daddr ${one.address} drop; }; }`,
  })
  const silent = performance.now()
  flows.start(20)
  await until(
    'all flows are answered by the other target',
    () => flows.lastFrom().every(from => from === two.address),
    11_500,
  )
  t.diagnostic(
    `all 200 flows were back ${((performance.now() - silent) / 1000).toFixed(1)} s after the target fell silent (2 x 5 s + 1 s)`,
  )
})
