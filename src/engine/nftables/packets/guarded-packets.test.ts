import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { lacking } from '../../../../test/lacking.ts'
import type { AddressFamily } from '../../../domain/cidr.ts'
import type { GuardRule, Snapshot, SnapshotGuard, SnapshotTarget } from '../../../domain/snapshot.ts'
import { until } from '../../until.fixture.ts'
import { groupAt, listenerAt, snapshotOf } from '../snapshot.fixture.ts'
import { openStage } from './packet-engine.fixture.ts'
import { on, type Place, places } from './packet-hosts.fixture.ts'
import { converse } from './packet-traffic.fixture.ts'

/** A flow that concerns a guarded place, asked directly or through the load balancer; of both families. */
interface Row {
  readonly from: Place | 'unbound'
  readonly to: Place
  readonly port: number
  readonly protocol: 'TCP' | 'UDP'
  readonly guarded: 'target' | 'task'
  readonly verdict: 'admitted' | 'dropped'
}

/**
 * Both admit to port 9000 the client by TCP, and what came through the load balancer: `target` by UDP 8080 and TCP 8082, `task` by
 * UDP 8081.
 */
const rows: readonly Row[] = [
  { from: 'client', to: 'target', port: 9000, protocol: 'TCP', guarded: 'target', verdict: 'admitted' },
  { from: 'client', to: 'balancer', port: 8080, protocol: 'TCP', guarded: 'target', verdict: 'admitted' },
  { from: 'client', to: 'target', port: 9001, protocol: 'TCP', guarded: 'target', verdict: 'dropped' },
  { from: 'far', to: 'target', port: 9000, protocol: 'TCP', guarded: 'target', verdict: 'dropped' },
  { from: 'far', to: 'balancer', port: 8080, protocol: 'TCP', guarded: 'target', verdict: 'dropped' },
  { from: 'client', to: 'target', port: 9000, protocol: 'UDP', guarded: 'target', verdict: 'dropped' },
  { from: 'client', to: 'balancer', port: 8080, protocol: 'UDP', guarded: 'target', verdict: 'admitted' },
  { from: 'far', to: 'balancer', port: 8080, protocol: 'UDP', guarded: 'target', verdict: 'admitted' },
  { from: 'neighbor', to: 'balancer', port: 8080, protocol: 'UDP', guarded: 'target', verdict: 'admitted' },
  { from: 'far', to: 'balancer', port: 8082, protocol: 'UDP', guarded: 'target', verdict: 'dropped' },
  { from: 'far', to: 'balancer', port: 8082, protocol: 'TCP', guarded: 'target', verdict: 'admitted' },
  // Health checks come from the balancer itself.
  { from: 'unbound', to: 'target', port: 9000, protocol: 'UDP', guarded: 'target', verdict: 'admitted' },
  { from: 'unbound', to: 'target', port: 9000, protocol: 'TCP', guarded: 'target', verdict: 'admitted' },
  { from: 'unbound', to: 'target', port: 9001, protocol: 'TCP', guarded: 'target', verdict: 'dropped' },
  // On the balancer itself.
  { from: 'client', to: 'task', port: 9000, protocol: 'TCP', guarded: 'task', verdict: 'admitted' },
  { from: 'far', to: 'task', port: 9000, protocol: 'TCP', guarded: 'task', verdict: 'dropped' },
  { from: 'client', to: 'task', port: 9000, protocol: 'UDP', guarded: 'task', verdict: 'dropped' },
  { from: 'far', to: 'balancer', port: 8081, protocol: 'UDP', guarded: 'task', verdict: 'admitted' },
  { from: 'far', to: 'balancer', port: 8081, protocol: 'TCP', guarded: 'task', verdict: 'dropped' },
  { from: 'unbound', to: 'task', port: 9000, protocol: 'UDP', guarded: 'task', verdict: 'admitted' },
  { from: 'unbound', to: 'task', port: 9000, protocol: 'TCP', guarded: 'task', verdict: 'dropped' },
]

const families = ['ipv4', 'ipv6'] as const

describe('packets to guarded addresses', () => {
  let stage: Awaited<ReturnType<typeof openStage>> | undefined

  before(async () => {
    if (process.getuid?.() !== 0) return
    stage = await openStage()
    await stage.engine.prepare(guarded('serve'))
    assert.deepEqual((await stage.engine.apply(guarded('serve'))).problems, [])
  })
  after(() => stage?.close())

  const dropsAt = async (address: string) => {
    const { guards = [] } = await stage!.engine.observe()
    return guards.find(guard => guard.address === address)?.dropped ?? 0
  }

  for (const { from, to, port, protocol, guarded, verdict } of rows) {
    test(`${protocol} from ${from} to ${to} ${port} is ${verdict}`, async t => {
      if (stage === undefined) return lacking(t, 'root')
      for (const family of families) {
        const address = places[guarded][family]
        const before = await dropsAt(address)
        const client = converse(
          from === 'unbound' ? 'balancer' : places[from].host,
          {
            protocol,
            source: from === 'unbound' ? undefined : places[from][family],
            sourcePort: undefined,
            destination: places[to][family],
            destinationPort: port,
          },
          100,
        )
        if (verdict === 'dropped') await until(async () => (await dropsAt(address)) > before)
        const answer = await Promise.race([
          verdict === 'admitted' ? client.answer : undefined,
          setTimeout(3_000, undefined, { ref: false }),
        ])
        client.end()
        const isAnswered = typeof answer === 'object' && answer.from === `${places[to][family]} ${port}`
        assert.equal(isAnswered, verdict === 'admitted', family)
        if (isAnswered) assert.equal(await dropsAt(address), before, family)
      }
    })
  }

  test('a guarded IPv6 address is found by its neighbors', async t => {
    if (stage === undefined) return lacking(t, 'root')
    const address = places.target.ipv6
    const neighbor = () => execFileSync('ip', ['-6', 'neigh', 'show', address, 'dev', 'eth1'], { encoding: 'utf8' })
    const [, link = ''] = /lladdr (\S+)/.exec(neighbor()) ?? []
    // Asked where it was last, not by a multicast, which would not be to the guarded address.
    execFileSync('ip', ['-6', 'neigh', 'replace', address, 'lladdr', link, 'dev', 'eth1', 'nud', 'probe'])
    const before = await dropsAt(address)
    await until(() => neighbor().includes('REACHABLE'))
    assert.equal(await dropsAt(address), before)
  })

  test('an idle connection to a guarded target that is cut ends at both ends', async t => {
    if (stage === undefined) return lacking(t, 'root')
    const clients = families.map(family => {
      const destination = places.balancer[family]
      const asked = { protocol: 'TCP' as const, source: undefined, sourcePort: undefined, destination }
      return converse('far', { ...asked, destinationPort: 8082 }, 100)
    })
    for (const client of clients) assert.equal(typeof (await client.answer), 'object')
    assert.deepEqual([connectionsOn('far', 8082), connectionsOn('target', 9000)], [2, 2])
    await stage.engine.apply(guarded('cut'))
    await until(() => connectionsOn('far', 8082) === 0 && connectionsOn('target', 9000) === 0)
    for (const client of clients) client.end()
  })
})

/** How many established ones have this port at either end. */
function connectionsOn(host: 'far' | 'target', port: number): number {
  const filter = ['state', 'established', `( sport = ${port} or dport = ${port} )`]
  return on(host, () => execFileSync('ss', ['-Htn', ...filter], { encoding: 'utf8' })).split('\n').length - 1
}

function guarded(mode: SnapshotTarget['mode']): Snapshot {
  const parts = families.flatMap(family =>
    (['TCP', 'UDP'] as const).map(protocol => {
      const [target, task] = (['target', 'task'] as const).map(place =>
        groupAt(`${place}-${family}`, protocol, [`${places[place][family]} 9000 ${mode}`]),
      )
      const listen = (port: number, group: typeof target) =>
        listenerAt(`${protocol} ${places.balancer[family]} ${port}`, [[group!, 1]])
      return { groups: [target!, task!], listeners: [listen(8080, target), listen(8081, task), listen(8082, target)] }
    }),
  )
  return snapshotOf(
    parts.flatMap(({ listeners }) => listeners),
    parts.flatMap(({ groups }) => groups),
    families.flatMap(family => guardsOf(family)),
  )
}

function guardsOf(family: AddressFamily): readonly SnapshotGuard[] {
  const client = `${places.client[family]}/${family === 'ipv4' ? 32 : 128}`
  const through = (protocol: string, port: number) => ({
    through: [`${protocol} ${places.balancer[family]} ${port}`],
    fromBalancer: true as const,
  })
  const guardOf = (place: Row['guarded'], tcp: Partial<GuardRule>, udp: Partial<GuardRule>) => {
    const rule = { fromPort: 9000, toPort: 9000, cidrs: [], through: [] }
    const rules: readonly GuardRule[] = [
      { ...rule, protocol: 'TCP', cidrs: [client], ...tcp },
      { ...rule, protocol: 'UDP', ...udp },
    ]
    return { id: `i-${place}`, address: places[place][family], rules }
  }
  return [guardOf('target', through('TCP', 8082), through('UDP', 8080)), guardOf('task', {}, through('UDP', 8081))]
}
