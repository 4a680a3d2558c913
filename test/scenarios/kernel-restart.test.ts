/**
 * What traffic in the kernel notices of restarts, crashes and changes: nothing. Reliability rows R3 and R13. iperf3, a TCP conversation
 * and numbered datagrams on flows from fixed ports run through each of these.
 */
import assert from 'node:assert/strict'
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { readOptions } from '../../src/cli/options.ts'
import { tableOf } from '../../src/engine/nftables/names.ts'
import { lacking } from '../lacking.ts'
import { long, slackMs, timeout } from '../long.ts'
import { talker } from './hosts.ts'
import { address, type LiveStage, liveStage, port, servicePort } from './live-stage.ts'
import type { Losses } from './live-traffic.ts'
import { has, until } from './sluice.ts'

/** A test that needs hosts: namespaces, so root. */
function liveTest(title: string, story: (t: TestContext) => Promise<void>): void {
  test(title, { timeout }, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    const missing = ['iperf3', 'nft', 'conntrack'].find(program => !has(program))
    if (missing !== undefined) return lacking(t, `${missing} (Debian: ${missing === 'nft' ? 'nftables' : missing})`)
    await story(t)
  })
}

/** Nobody noticed anything; what was measured goes into the report. */
function assertUnnoticed(t: TestContext, losses: Losses): void {
  t.diagnostic(JSON.stringify(losses))
  const { pauseMs, datagrams, said, ...rest } = losses
  assert.deepEqual(rest, { bulkError: '', lost: 0, moved: 0, unanswered: 0, end: '' })
  assert.ok(pauseMs <= 300 + slackMs, `iperf3 moved nothing for ${pauseMs} ms`)
  assert.ok(datagrams > 1_000 && said > 100, 'there was no traffic to lose')
}

/** Both targets saw each flow from the client's own address and port. */
function assertOwnPorts({ witnesses, hosts }: LiveStage): void {
  const seen = witnesses.flatMap(({ of }) => of('UDP')).map(({ words }) => `${words[1]} ${words[2]}`)
  const foreign = seen.filter(client => !new RegExp(`^${hosts.client.address} [23]\\d{4}$`).test(client))
  assert.deepEqual([...new Set(foreign)], [])
}

/** New clients of both protocols are served. */
async function assertServesNew({ hosts }: LiveStage, fromPort: number): Promise<void> {
  const clients = (['TCP', 'UDP'] as const).map(protocol => talker(hosts.client, protocol, fromPort, address, port, 50))
  await until('new clients are answered', () => clients.every(({ of }) => of('GOT').length > 0), 2_000)
  for (const client of clients) client.kill()
}

liveTest(
  'kill -9 of the node, of everything, and an upgrade lose no packet, break no connection and move no flow',
  async t => {
    const stage = await liveStage(t)
    const rounds = long ? 20 : 1
    const traffic = await stage.traffic(11 * rounds)
    for (let round = 0; round < rounds; round++) {
      const [node] = stage.sluice.pids('node')
      process.kill(Number(node), 'SIGKILL')
      await until('the node is another one', () =>
        stage.sluice.output().includes(`node process ${node} ended (SIGKILL)`),
      )
      await pause(1_000)

      stage.killAll()
      await assertServesNew(stage, 30_000 + 10 * round)
      await pause(3_000)
      t.diagnostic(`start on a table that is there: ${Math.round(await stage.restart())} ms`)
      await assertServesNew(stage, 30_001 + 10 * round)

      assert.equal(await stage.sluice.stop('SIGTERM'), 0)
      await assertServesNew(stage, 30_002 + 10 * round)
      t.diagnostic(`start after SIGTERM: ${Math.round(await stage.restart())} ms`)
    }
    assertUnnoticed(t, await traffic.end())
    assertOwnPorts(stage)
  },
)

liveTest('a hundred changes of what stands beside it touch no flow', async t => {
  const stage = await liveStage(t)
  const traffic = await stage.traffic(10)
  const began = performance.now()
  const changes = await changesBeside(stage)
  for (let n = 0; n < 100; n++) await changes[n % changes.length]?.(n)
  t.diagnostic(`100 changes took ${Math.round(performance.now() - began)} ms`)
  assertUnnoticed(t, await traffic.end())
  assertOwnPorts(stage)
})

/** Changes that take nothing away from the flows of the stage, each different for each number. */
async function changesBeside({ network, vpcId, securityGroup, loadBalancer, listener, group, hosts }: LiveStage) {
  const [first = '', second = ''] = hosts.targets.map(host => host.address)
  const other = await network.targetGroup('TCP_UDP', [{ address: second, port: 9_999 }], {}, { VpcId: vpcId })
  return [
    // New flows may go to the other group then; these ones stay.
    (n: number) => network.forward(listener, { [group]: 1 + (n % 7), [other]: n % 3 }),
    (n: number) => {
      const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: String(n) }]
      return network.elbv2.modifyTargetGroupAttributes({ TargetGroupArn: group, Attributes })
    },
    async (n: number) => {
      const made = await network.listener(loadBalancer, 'TCP_UDP', 8_100 + n, { [other]: 1 })
      if (n % 2 === 0) await network.elbv2.deleteListener({ ListenerArn: made })
    },
    async (n: number) => {
      const IpPermissions = [{ IpProtocol: '-1', IpRanges: [{ CidrIp: `10.8.${n}.0/24` }] }]
      await network.ec2.authorizeSecurityGroupIngress({ GroupId: securityGroup, IpPermissions })
      if (n % 2 === 0) await network.ec2.revokeSecurityGroupIngress({ GroupId: securityGroup, IpPermissions })
    },
    async (n: number) => {
      const target = { address: first, port: 9_100 + n }
      await network.register(other, target)
      if (n % 2 === 0) await network.deregister(other, target)
    },
    async (n: number) => {
      const unused = await network.targetGroup('UDP', [{ address: second, port: servicePort }], {}, { VpcId: vpcId })
      if (n % 2 === 0) await network.elbv2.deleteTargetGroup({ TargetGroupArn: unused })
    },
  ]
}

liveTest('a node that lost the last good state takes nothing away before the control process has spoken', async t => {
  const stage = await liveStage(t)
  const traffic = await stage.traffic(8)
  stage.killAll()
  for (const name of readdirSync(stage.dataDir)) if (name.startsWith('last-good.')) rmSync(join(stage.dataDir, name))
  const before = rules()

  const options = { ...readOptions(['--data-dir', stage.dataDir], {}), workers: 1 }
  const node = fork(join(import.meta.dirname, '../../src/node.ts'), [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  try {
    let said = ''
    node.stderr?.setEncoding('utf8').on('data', chunk => (said += chunk))
    await until('the node has taken over', () => /took over .* \(listeners: 3\)/.test(said))
    // Long enough for everything that it does from time to time.
    await pause(1_500)
    assert.ok(rules() === before, 'the rules are as they were')
    await assertServesNew(stage, 30_000)
  } finally {
    node.kill('SIGKILL')
    await once(node, 'exit')
  }

  await stage.restart()
  await assertServesNew(stage, 30_001)
  assertUnnoticed(t, await traffic.end())
  assertOwnPorts(stage)
})

liveTest('while Sluice lives nobody flushes its rules', async t => {
  const stage = await liveStage(t)
  const before = rules()
  const traffic = await stage.traffic(4)
  for (let n = 0; n < 10; n++) {
    execFileSync('nft', ['flush', 'ruleset'])
    assert.throws(() =>
      execFileSync('nft', ['delete', 'table', 'inet', tableOf(stage.dataDir).name], { stdio: 'pipe' }),
    )
  }
  assert.ok(rules() === before, 'the rules are as they were')
  await assertServesNew(stage, 30_000)
  assertUnnoticed(t, await traffic.end())
})

liveTest('where rules can be flushed, they are back within a second, and all flows keep their targets', async t => {
  const stage = await liveStage(t)
  await loseOwner(stage)
  const before = talker(stage.hosts.client, 'UDP', 30_000, address, port, 10)
  await until('it is answered', () => before.of('GOT').length > 0)
  execFileSync('nft', ['flush', 'ruleset'])
  const flushed = performance.now()
  await until('it is answered again', () => before.of('GOT').some(({ at }) => at > flushed + 200), 2_000)
  const answered = before.of('GOT').map(({ at }) => at)
  const goneMs = Math.round(Math.max(...answered.map((at, n) => at - (answered[n - 1] ?? at))))
  t.diagnostic(`without rules for ${goneMs} ms`)
  assert.ok(goneMs < 1_000 + slackMs)
  assert.equal(new Set(before.of('GOT').map(({ words }) => words[1])).size, 1)

  // A client that begins meanwhile is not left with what conntrack remembers of that.
  await loseOwner(stage)
  const [node = 0] = stage.sluice.pids('node')
  process.kill(node, 'SIGSTOP')
  t.after(() => process.kill(node, 'SIGCONT'))
  execFileSync('nft', ['flush', 'ruleset'])
  const meanwhile = talker(stage.hosts.client, 'UDP', 30_001, address, port, 20)
  await until('it has sent some in vain', () => meanwhile.of('SENT').length > 10)
  assert.equal(meanwhile.of('GOT').length, 0)
  process.kill(node, 'SIGCONT')
  await until('it is answered', () => meanwhile.of('GOT').length > 0, 1_000)
  await assertServesNew(stage, 30_002)
  assert.match(stage.sluice.output(), /somebody deleted the table .*; it is made again/)
})

liveTest('beside NAT rules of others, deleting the table alone touches no established flow', async t => {
  const stage = await liveStage(t)
  await loseOwner(stage)
  // As Docker and others have them. Where there are none, the kernel stops to translate with our last rule.
  const hooks = ['prerouting', 'input', 'output', 'postrouting']
  const chains = hooks.map(hook => `chain ${hook} { type nat hook ${hook} priority 0; ct mark 1 accept; }`)
  execFileSync('nft', [`table inet other { ${chains.join('; ')}; }`])
  const traffic = await stage.traffic(4)
  for (let n = 0; n < 3; n++) {
    // The second time it has an owner again.
    if (n > 0) await loseOwner(stage)
    else execFileSync('nft', ['delete', 'table', 'inet', tableOf(stage.dataDir).name])
    await until('the rules are back', () => rules().includes('chain udp/10.9.0.1/8080'), 1_000)
  }
  await assertServesNew(stage, 30_000)
  assertUnnoticed(t, await traffic.end())
})

/** Restarts Sluice on a table that somebody made without an owner, so that it stays one without. */
async function loseOwner(stage: LiveStage): Promise<void> {
  await stage.sluice.stop('SIGTERM')
  const { name } = tableOf(stage.dataDir)
  execFileSync('nft', [`delete table inet ${name}; add table inet ${name}`])
  await stage.restart()
}

/** All chains here: elements follow health, and may change at any moment. */
function rules(): string {
  const text = execFileSync('nft', ['--stateless', 'list', 'ruleset'], { encoding: 'utf8' })
  return text.slice(text.indexOf('\tchain '))
}
