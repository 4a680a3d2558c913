import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { until } from '../../engine/until.fixture.ts'
import { NamespaceSite, taskRange } from './namespace-site.ts'
import { ProcessBench, processRuntimeContract, shell, temporaryDirectory } from './process.contract.ts'
import { identify } from './process-table.ts'

const lack = await NamespaceSite.open('/').then(
  () => undefined,
  error => `network namespaces: ${error.message}`,
)
if (lack === undefined) enterOwnNetwork()

processRuntimeContract('processes with addresses', lack)

const withNamespaces = (title: string, body: (t: TestContext) => Promise<void>) =>
  test(title, t => (lack === undefined ? body(t) : lacking(t, lack)))

const links = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).match(/^\d+: sluice-/gm) ?? []
const routes = () => execFileSync('ip', ['route', 'show', 'root', taskRange], { encoding: 'utf8' }).trim()
const namespaces = (id: string) =>
  execFileSync('ip', ['netns'], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes(id))

withNamespaces('a task is nobody special, alone in its network, and may take any port', async t => {
  const bench = await ProcessBench.open(t)
  const spec = shell(
    'grep -E "^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb):" /proc/self/status; ip -o -4 addr; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; sleep 1000',
  )
  bench.runtime.start(spec)
  const { place } = await bench.told(spec, 'running')
  const output = async () => String(await bench.runtime.logs(spec.id, 10_000)).replace(/[ \t]+/g, ' ')
  await until(async () => /\n\d+\n$/.test(await output()))
  assert.match(
    await output(),
    new RegExp(
      [
        'Uid: (\\d+) \\1 \\1 \\1',
        'Gid: (\\d+) \\2 \\2 \\2',
        'Groups: ?',
        'CapPrm: 0+',
        'CapEff: 0+',
        'CapAmb: 0+',
        '1: lo inet 127.0.0.1/8 .*',
        `2: eth0 inet ${place.address}/32 .*`,
        '0\n$',
      ].join('\n'),
    ),
  )
  assert.doesNotMatch(await output(), /Uid: 0/)
  assert.deepEqual(bench.log, [])
})

withNamespaces('a task’s own HOST and PORT go before ours, as in AWS', async t => {
  const bench = await ProcessBench.open(t)
  const { output } = await bench.echo('$HOST:$PORT:$PORT_8080', { HOST: '0.0.0.0', PORT: '1' })
  assert.equal(output, '0.0.0.0:1:8080')
})

withNamespaces('nothing of a task that ended is left, its address is refused, and in the end nothing is', async t => {
  const bench = await ProcessBench.open(t)
  const [spec, other] = [shell('sleep 1000'), shell('sleep 1000')]
  for (const each of [spec, other]) bench.runtime.start(each)
  const { place } = await bench.told(spec, 'running')
  await bench.told(other, 'running')
  assert.deepEqual([links().length, namespaces(spec.id).length], [2, 1])
  assert.equal(await refusal(place.address), 'ECONNREFUSED')
  bench.runtime.stop(spec.id)
  await bench.told(spec, 'stopped')
  assert.deepEqual([links().length, namespaces(spec.id).length], [1, 0])
  assert.equal(await refusal(place.address), 'EHOSTUNREACH')
  await bench.runtime.close()
  assert.deepEqual([links(), namespaces(other.id), routes()], [[], [], ''])
})

withNamespaces('what a task started in a namespace of its own, or without its environment, ends with it', async t => {
  const bench = await ProcessBench.open(t)
  // Not every system lets everybody make a namespace: what can't be started is left out.
  const spec = shell(
    'for way in "env -i" "unshare --user --net"; do $way true && setsid $way sh -c "echo \\$\\$; exec sleep 1000" & done; sleep 1000',
  )
  bench.runtime.start(spec)
  await bench.told(spec, 'running')
  const pids = async () =>
    String(await bench.runtime.logs(spec.id, 1_000))
      .match(/^\d+$/gm)
      ?.map(Number) ?? []
  const mayUnshare = spawnSync('setpriv', ['--reuid=65534', '--clear-groups', 'unshare', '--user', '--net', 'true'])
  await until(async () => (await pids()).length === (mayUnshare.status === 0 ? 2 : 1))
  const started = await pids()
  assert.ok(started.every(pid => identify(pid) !== undefined))
  bench.runtime.stop(spec.id)
  await bench.told(spec, 'stopped')
  assert.ok(started.every(pid => identify(pid) === undefined))
})

withNamespaces('two Sluices on one host give no address twice, and leave each other alone', async t => {
  const benches = [await ProcessBench.open(t), await ProcessBench.open(t)] as const
  // Both begin to look for an address at the same one.
  const specs = ['a', 'b', 'c', 'd'].map(digit => ({
    ...shell('sleep 1000'),
    id: `0000001${digit}${digit.repeat(24)}`,
  }))
  for (const [i, spec] of specs.entries())
    benches[i % 2 === 0 ? 0 : 1].runtime.start({ ...spec, id: `0000${i}${spec.id.slice(5)}` })
  const places = await Promise.all(
    specs.map((spec, i) =>
      benches[i % 2 === 0 ? 0 : 1].told({ ...spec, id: `0000${i}${spec.id.slice(5)}` }, 'running'),
    ),
  )
  assert.equal(new Set(places.map(({ place }) => place.address)).size, 4)
  await benches[0].runtime.close()
  assert.equal(links().length, 2)
  assert.match(routes(), /unreachable/)
  const third = await ProcessBench.open(t)
  assert.equal(links().length, 2)
  await third.runtime.close()
  await benches[1].runtime.close()
  assert.equal(routes(), '')
})

withNamespaces('a namespace whose task nobody recorded is removed by its data directory’s next Sluice', async t => {
  const dataDir = temporaryDirectory()
  const site = await NamespaceSite.open(dataDir)
  const { id } = shell('')
  await site.prepare({ id, ports: [] })
  assert.equal(namespaces(id).length, 1)
  await ProcessBench.open(t)
  assert.equal(namespaces(id).length, 1, 'another directory’s')
  await ProcessBench.open(t, dataDir)
  assert.equal(namespaces(id).length, 0)
})

function refusal(address: string): Promise<string | undefined> {
  return new Promise(resolve => {
    connect({ host: address, port: 9, timeout: 2_000 })
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      .on('connect', () => resolve(undefined))
      .on('timeout', () => resolve('silence'))
  })
}
