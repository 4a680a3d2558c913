import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { lacking } from '../../../../test/lacking.ts'
import { VirtualClock } from '../../../virtual-clock.ts'
import { forgedMark } from '../base-part.ts'
import { IdleResetter } from './reset-idle.ts'

const quiet = '--disable-warning=ExperimentalWarning'
const name = `sluice-reset-${process.pid}`

/** The balancer `lb`, between the clients' namespace `c` and the targets' `t`. */
const topology = `
set -e
for n in lb c t; do ip netns add ${name}-$n; ip -n ${name}-$n link set lo up; done
link() { # namespace, network
  ip link add name to-$1 netns ${name}-lb type veth peer name lb netns ${name}-$1
  ip -n ${name}-lb addr add 10.9.$2.1/24 dev to-$1; ip -n ${name}-lb addr add fd09:$2::1/64 dev to-$1 nodad; ip -n ${name}-lb link set to-$1 up
  ip -n ${name}-$1 addr add 10.9.$2.2/24 dev lb; ip -n ${name}-$1 addr add fd09:$2::2/64 dev lb nodad; ip -n ${name}-$1 link set lb up
  ip -n ${name}-$1 route add default via 10.9.$2.1; ip -n ${name}-$1 -6 route add default via fd09:$2::1
}
link c 0
link t 1
ip netns exec ${name}-lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
`

interface Case {
  readonly what: string
  readonly client: 'c' | 'lb'
  readonly listener: string
  readonly target: { readonly at: 't' | 'lb'; readonly address: string }
  readonly masqueraded?: boolean
  readonly connections: number
}

/** Each on its own listener port 8000, 8001, ... and target port 9000, 9001, ... */
const cases: readonly Case[] = [
  { what: 'IPv4', client: 'c', listener: '10.9.0.1', target: { at: 't', address: '10.9.1.2' }, connections: 500 },
  { what: 'IPv6', client: 'c', listener: 'fd09:0::1', target: { at: 't', address: 'fd09:1::2' }, connections: 50 },
  {
    what: 'a masqueraded client',
    client: 'c',
    listener: '10.9.0.1',
    target: { at: 't', address: '10.9.1.2' },
    masqueraded: true,
    connections: 50,
  },
  {
    what: 'a client on this host',
    client: 'lb',
    listener: '10.9.0.1',
    target: { at: 't', address: '10.9.1.2' },
    connections: 50,
  },
  {
    what: 'a client on this host, IPv6',
    client: 'lb',
    listener: 'fd09:0::1',
    target: { at: 't', address: 'fd09:1::2' },
    connections: 50,
  },
  {
    what: 'a target on this host',
    client: 'c',
    listener: '10.9.0.1',
    target: { at: 'lb', address: '10.9.1.1' },
    connections: 50,
  },
  {
    what: 'both on this host, loopback',
    client: 'lb',
    listener: '127.0.0.1',
    target: { at: 'lb', address: '127.65.0.2' },
    connections: 50,
  },
]

/** As `compile.ts` and `base-part.ts` have them, the few that matter here. */
function rules(): string {
  const family = (address: string) => (address.includes(':') ? 'ip6' : 'ip')
  const at = (address: string, port: number) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)
  const notOpening = 'tcp flags & (fin|syn|rst|ack) != syn'
  const listeners = cases.map(
    ({ listener, target }, i) => `
    ${family(listener)} daddr ${listener} tcp dport ${8000 + i} ${notOpening} reject with tcp reset
    ${family(listener)} daddr ${listener} tcp dport ${8000 + i} ct mark set ${0xab000000 + i} dnat ${family(listener)} to ${at(target.address, 9000 + i)}
    ${family(listener)} saddr ${target.address} tcp sport ${9000 + i} ${notOpening} reject with tcp reset`,
  )
  const masqueraded = cases.flatMap(({ masqueraded }, i) =>
    masqueraded ? [`ct mark ${0xab000000 + i} masquerade`] : [],
  )
  return `table inet sluice {
  chain new { ${listeners.join('\n')}
  }
  chain prerouting { type nat hook prerouting priority -105
    jump new
  }
  chain output { type nat hook output priority -105
    jump new
  }
  chain postrouting { type nat hook postrouting priority 95
    ${masqueraded.join('\n')}
  }
  chain forged { type filter hook output priority -300
    meta mark ${forgedMark} notrack
  }
}
`
}

/** A process of the fixture in a namespace, and what it prints. */
class End {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(t: TestContext, namespace: string, ...args: readonly string[]) {
    const fixture = join(import.meta.dirname, 'reset-idle.fixture.ts')
    const command = ['netns', 'exec', `${name}-${namespace}`, process.execPath, quiet, fixture, ...args]
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]()
    t.after(() => this.#child.kill())
  }

  async ready(): Promise<void> {
    assert.equal((await this.#lines.next()).value, 'ready')
  }

  async says(): Promise<{ readonly ends?: object; readonly entries?: number; readonly at: number }> {
    return JSON.parse((await this.#lines.next()).value ?? '{}')
  }
}

test('idle connections end on both sides within a second, wherever clients and targets are', {
  timeout: 30_000,
}, async t => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return lacking(t, 'root on Linux')
  if (spawnSync('ip', ['-V']).error) return lacking(t, 'ip (Debian: iproute2)')
  if (spawnSync('nft', ['-v']).error) return lacking(t, 'nft (Debian: nftables)')
  t.after(() => {
    for (const namespace of ['lb', 'c', 't']) spawnSync('ip', ['netns', 'del', `${name}-${namespace}`])
  })
  execFileSync('sh', ['-c', topology])
  execFileSync('ip', ['netns', 'exec', `${name}-lb`, 'nft', '-f', '-'], { input: rules() })

  const targets = cases.map(({ target: { at, address } }, i) => new End(t, at, 'target', address, `${9000 + i}`))
  await Promise.all(targets.map(target => target.ready()))
  const clients = cases.map(
    ({ client, listener, connections }, i) => new End(t, client, 'client', listener, `${8000 + i}`, `${connections}`),
  )
  await Promise.all(clients.map(client => client.ready()))

  const cut = new End(t, 'lb', 'cut', `${0xab000000}`, `${0xff000000}`)
  await cut.ready()
  const { at } = await cut.says()
  const total = cases.reduce((sum, { connections }) => sum + connections, 0)
  assert.equal((await cut.says()).entries, total)
  let slowestMs = 0
  for (const [i, { what, connections }] of cases.entries()) {
    for (const [side, end] of [['clients', clients[i]!] as const, ['target', targets[i]!] as const]) {
      const seen = await end.says()
      assert.deepEqual(seen.ends, { ECONNRESET: connections }, `${what}, ${side}`)
      slowestMs = Math.max(slowestMs, seen.at - at)
    }
  }
  t.diagnostic(`the slowest after ${slowestMs} ms`)
  assert.ok(slowestMs <= 1_000, `the slowest after ${slowestMs} ms`)
})

test('without the privilege there is no resetter', async t => {
  if (process.getuid?.() === 0) process.seteuid?.(65_534)
  t.after(() => process.seteuid?.(0))
  assert.equal(await IdleResetter.open(new VirtualClock()), undefined)
})
