/** What is left in the kernel when Sluice ends, settings and addresses too; and what two Sluices of one host know of each other. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { BoundSocket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { tableOf } from '../../src/engine/nftables/names.ts'
import { lacking } from '../lacking.ts'
import { talker } from './hosts.ts'
import { address, type LiveStage, liveStage, port, servicePort } from './live-stage.ts'
import { Network } from './network.ts'
import { has, startSluice, temporaryDirectory, until } from './sluice.ts'

/** A test that needs hosts: namespaces, so root. */
function liveTest(title: string, story: (t: TestContext) => Promise<void>): void {
  test(title, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    const missing = ['iperf3', 'nft', 'conntrack'].find(program => !has(program))
    if (missing !== undefined) return lacking(t, `${missing} (Debian: ${missing === 'nft' ? 'nftables' : missing})`)
    await story(t)
  })
}

async function cleanup(...args: string[]): Promise<{ code: number; output: string }> {
  try {
    const command = join(import.meta.dirname, '../../bin/sluice')
    const { stdout, stderr } = await promisify(execFile)(command, ['cleanup', ...args], { timeout: 20_000 })
    return { code: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout + stderr }
  }
}

function listed(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

/** All that Sluices may leave in this network namespace, a word or line for each. */
function remains(): readonly string[] {
  const tables = listed('nft', 'list', 'tables').split('\n')
  const flows = listed('conntrack', '-L').split('\n')
  return [
    ...tables.filter(line => line.includes('sluice-')),
    ...flows.filter(line => !/ mark=0 /.test(line)),
    ...localAddresses(),
  ]
}

function localAddresses(): readonly string[] {
  return [
    listed('ip', 'route', 'show', 'table', 'local', '198.18.0.0/15'),
    listed('ip', '-6', 'addr', 'show', 'dev', 'lo', 'to', 'fd53:4c55::/32'),
  ].filter(line => line !== '')
}

/** Has a dualstack load balancer made that is nowhere on the host's interfaces, so that local addresses are. */
async function makeLocal({ network }: LiveStage): Promise<void> {
  const { Vpc } = await network.ec2.createVpc({ CidrBlock: '10.50.0.0/16', AmazonProvidedIpv6CidrBlock: true })
  const { Vpcs = [] } = await network.ec2.describeVpcs({ VpcIds: [String(Vpc?.VpcId)] })
  const block = String(Vpcs[0]?.Ipv6CidrBlockAssociationSet?.[0]?.Ipv6CidrBlock).replace('/56', '/64')
  const wish = {
    VpcId: String(Vpc?.VpcId),
    CidrBlock: '10.50.0.0/24',
    Ipv6CidrBlock: block,
    AvailabilityZone: 'local-1a',
  }
  const { Subnet } = await network.ec2.createSubnet(wish)
  const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer({
    Name: 'local',
    Type: 'network',
    IpAddressType: 'dualstack',
    Subnets: [String(Subnet?.SubnetId)],
  })
  const targets = await network.targetGroup('TCP', [], {}, { VpcId: String(Vpc?.VpcId) })
  await network.listener(String(LoadBalancers[0]?.LoadBalancerArn), 'TCP', port, { [targets]: 1 })
  await until('local addresses are there', () => localAddresses().length === 2)
}

liveTest(
  'after SIGINT nothing is left, though another process began it, and idle connections hear of their end',
  async t => {
    const stage = await liveStage(t, ['--drain-seconds', '1'])
    await makeLocal(stage)
    stage.killAll()
    await stage.restart()
    const idle = talker(stage.hosts.client, 'TCP', 30_000, address, port, 0)
    const busy = talker(stage.hosts.client, 'UDP', 30_001, address, port, 50)
    await until('they are connected', () => idle.of('CONNECTED').length > 0 && busy.of('GOT').length > 0)

    const began = performance.now()
    assert.equal(await stage.sluice.stop('SIGINT'), 0)
    t.diagnostic(`stopped after ${Math.round(performance.now() - began)} ms`)
    assert.deepEqual(remains(), [])
    await until('the idle client heard of it', () => idle.of('END').length > 0, 1_000)
    assert.deepEqual(
      idle.of('END').map(({ words }) => words[1]),
      ['ECONNRESET'],
    )
    for (const free of [port, 5201]) new BoundSocket({ host: address, port: free }).close()
    assert.match(stage.sluice.output(), /stopping; established connections have 1 s to finish/)
  },
)

const forwarding = '/proc/sys/net/ipv4/ip_forward'
const isForwarding = () => readFileSync(forwarding, 'latin1').trim() === '1'

liveTest(
  'a setting is changed with consent, stays over SIGTERM and kill -9, and is put back by SIGINT or cleanup',
  async t => {
    const stage = await liveStage(t)
    assert.equal(await stage.sluice.stop('SIGINT'), 0)
    writeFileSync(forwarding, '0')

    await stage.restart()
    const reason =
      /net\.ipv4\.ip_forward is 0, so packets for 10\.9\.\d\.2 would not be forwarded: set it to 1, or start Sluice with --sysctl/
    assert.match(stage.sluice.output(), reason)
    const { listeners } = await stage.sluice.status()
    for (const { engine, fallbacks } of listeners) {
      assert.equal(engine, 'userspace')
      assert.match(fallbacks.join(), reason)
    }
    await assertServes(stage, 30_000)
    assert.equal(await stage.sluice.stop('SIGTERM'), 0)
    assert.equal(isForwarding(), false)

    await stage.restart(['--sysctl'])
    assert.equal(isForwarding(), true)
    assert.match(stage.sluice.output(), /net\.ipv4\.ip_forward is set to 1, because .*; it was 0, and will be again/)
    assert.deepEqual([...new Set((await stage.sluice.status()).listeners.map(({ engine }) => engine))], ['kernel'])
    assert.equal(await stage.sluice.stop('SIGTERM'), 0)
    assert.equal(isForwarding(), true)
    await assertServes(stage, 30_001)

    await stage.restart(['--sysctl'])
    assert.equal(await stage.sluice.stop('SIGINT'), 0)
    assert.equal(isForwarding(), false)
    assert.match(stage.sluice.output(), /net\.ipv4\.ip_forward is 0 again, as it was before Sluice/)

    await stage.restart(['--sysctl'])
    stage.killAll()
    assert.equal(isForwarding(), true)
    const { code, output } = await cleanup('--data-dir', stage.dataDir)
    assert.equal(code, 0)
    assert.match(output, /^removed table sluice-.*net\.ipv4\.ip_forward is 0 again/s)
    assert.deepEqual([isForwarding(), remains()], [false, []])
  },
)

liveTest(
  'a start with --no-kernel takes out of the kernel what an earlier one left there, and serves the same',
  async t => {
    const stage = await liveStage(t)
    assert.equal(await stage.sluice.stop('SIGTERM'), 0)
    await stage.restart(['--no-kernel'])
    assert.deepEqual(remains(), [])
    assert.match(stage.sluice.output(), /kernel: removed the table sluice-\w+ \(listeners: 3\)/)
    await assertServes(stage, 30_000)
    assert.equal(await stage.sluice.stop('SIGTERM'), 0)
    assert.match(stage.sluice.output(), /stopping; established connections have/)
  },
)

async function assertServes({ hosts }: LiveStage, fromPort: number): Promise<void> {
  const clients = (['TCP', 'UDP'] as const).map(protocol => talker(hosts.client, protocol, fromPort, address, port, 50))
  await until('clients are answered', () => clients.every(({ of }) => of('GOT').length > 0), 3_000)
  for (const client of clients) client.kill()
}

liveTest('two Sluices of one host do not disturb each other, even where their marks would be the same', async t => {
  const stage = await liveStage(t)
  const traffic = await stage.traffic(14)
  // A data directory whose table would have the same marks.
  const parent = temporaryDirectory(t)
  const { number } = tableOf(stage.dataDir)
  const names = Array.from({ length: 10_000 }, (_, n) => join(parent, String(n)))
  const dataDir = names.find(name => tableOf(name).number === number) ?? ''
  mkdirSync(dataDir)
  const other = await startSluice(t, { dataDir })
  const otherPort = await makeBeside(stage, new Network(other.url))
  const client = talker(stage.hosts.client, 'UDP', 30_000, address, otherPort, 20)
  await until('the other one serves', () => client.of('GOT').length > 0)
  const marks = new Set(
    listed('conntrack', '-L', '-p', 'udp')
      .match(/(?<= mark=)\d+/g)
      ?.map(mark => Number(mark) >>> 24),
  )
  assert.equal(marks.size, 2)

  // Neither ends what the other one serves, and only what is dead can be cleaned up.
  const refused = await cleanup('--data-dir', dataDir)
  assert.deepEqual(refused, {
    code: 1,
    output: `sluice: Sluice runs (pid ${other.process.pid}) on ${dataDir}: stop it first\n`,
  })
  assert.equal(await other.stop('SIGTERM'), 0)
  const answered = client.of('GOT').length
  await until('it is served still', () => client.of('GOT').length > answered)
  const { code, output } = await cleanup('--all')
  assert.equal(code, 0)
  assert.match(output, new RegExp(`^removed table ${tableOf(dataDir).name} \\(listeners: 1\\)\n`))
  assert.match(
    output,
    new RegExp(`left table ${tableOf(stage.dataDir).name} alone: Sluice runs \\(pid ${stage.sluice.process.pid}\\)`),
  )

  const again = await startSluice(t, { dataDir })
  await until('the other one serves again', () => client.of('GOT').length > answered + 10)
  assert.equal(await again.stop('SIGINT'), 0)
  assert.deepEqual(listed('nft', 'list', 'tables'), `table inet ${tableOf(stage.dataDir).name}`)
  const { bulkError, lost, moved, unanswered, end } = await traffic.end()
  assert.deepEqual(
    { bulkError, lost, moved, unanswered, end },
    { bulkError: '', lost: 0, moved: 0, unanswered: 0, end: '' },
  )
})

/** A UDP listener beside those of the stage, on the same address. */
async function makeBeside({ hosts }: LiveStage, network: Network): Promise<number> {
  const { Vpc } = await network.ec2.createVpc({ CidrBlock: '10.9.0.0/16' })
  const VpcId = String(Vpc?.VpcId)
  const subnets: string[] = []
  for (const n of [0, 1]) {
    const wish = { VpcId, CidrBlock: `10.9.${n}.0/24`, AvailabilityZone: 'local-1a' }
    subnets.push(String((await network.ec2.createSubnet(wish)).Subnet?.SubnetId))
  }
  const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer({
    Name: 'other',
    Type: 'network',
    Subnets: subnets.slice(0, 1),
  })
  const group = await network.targetGroup(
    'UDP',
    [{ address: String(hosts.targets[0]?.address), port: servicePort }],
    {},
    { VpcId },
  )
  const besides = port + 1
  await network.listener(String(LoadBalancers[0]?.LoadBalancerArn), 'UDP', besides, { [group]: 1 })
  return besides
}
