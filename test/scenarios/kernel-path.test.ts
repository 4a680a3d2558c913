/** What routers and hosts on the way say by ICMP, through the kernel's address translation (R30). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Host } from '../../bench/stage/namespaces.ts'
import { slackMs } from '../long.ts'
import { ask, echo, families, kernelStage, service } from './kernel-stage.ts'

interface Answers {
  readonly answeredBy?: Readonly<Record<string, number>>
  readonly error?: string
  readonly name?: string
  readonly ms?: number
}

/** Sets what fits through a host's link towards an address. */
function narrow(host: Host, towards: string, mtu: number): void {
  const [, device = ''] = / dev (\S+)/.exec(host.run('ip', 'route', 'get', towards)) ?? []
  host.run('ip', 'link', 'set', device, 'mtu', String(mtu))
}

test('a client learns of a hop of 1,400 bytes behind the balancer by one lost packet', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const [router] = stage.targets
  const target = stage.behind(router!)
  narrow(router!, target.address, 1_400)
  await echo(target, 'far')
  const behind = ['10.8.1.2', 'fd08:1::2']
  await stage.serve(
    ...families.flatMap(({ vip }, n) => [
      service('UDP', vip, 8080, [behind[n]!]),
      service('TCP', vip, 8080, [behind[n]!]),
    ]),
  )
  for (const { vip } of families) {
    const { answeredBy = {} }: Answers = await ask(stage.client, 'asker.fixture.ts', 'UDP', vip, 8080, 1_440, 100)
    assert.ok((answeredBy.far ?? 0) >= 19, `UDP to ${vip}: ${answeredBy.far} of 20`)
    const { name, ms = 0 }: Answers = await ask(stage.client, 'asker.fixture.ts', 'TCP', vip, 8080, 1_000_000, 0)
    assert.equal(name, 'far')
    assert.ok(ms < 1_000 + slackMs, `TCP to ${vip}: ${ms} ms`)
  }
})

test('a hop of 1,300 bytes before the balancer is made known to that one of ten targets which met it', async t => {
  const stage = await kernelStage(t, 10)
  if (stage === undefined) return
  const client = stage.behind(stage.client)
  narrow(stage.client, client.address, 1_300)
  const ten = stage.targets.map((_, n) => n + 1)
  await stage.serve(
    ...families.flatMap(({ vip, target }) => [
      service('UDP', vip, 8080, ten.map(target)),
      service('TCP', vip, 8080, ten.map(target)),
    ]),
  )
  for (const [n, { vip }] of families.entries()) {
    const knows = (): readonly number[] => {
      const towards = ['10.8.0.2', 'fd08:0::2'][n]!
      return ten.filter(n => stage.targets[n - 1]!.run('ip', 'route', 'get', towards).includes('mtu 1300'))
    }
    const { answeredBy = {} }: Answers = await ask(client, 'asker.fixture.ts', 'UDP', vip, 8080, 100, 1_440)
    const [name = '', ...others] = Object.keys(answeredBy)
    assert.deepEqual(others, [])
    assert.ok(answeredBy[name]! >= 19, `UDP to ${vip}: ${answeredBy[name]} of 20`)
    assert.deepEqual(knows(), [Number(name.slice(1))])
    const tcp: Answers = await ask(client, 'asker.fixture.ts', 'TCP', vip, 8080, 1_000_000, 0)
    assert.ok(tcp.ms !== undefined && tcp.ms < 1_000 + slackMs, `TCP to ${vip}: ${tcp.error ?? tcp.ms} ms`)
    assert.deepEqual(new Set(knows()), new Set([name, tcp.name].map(name => Number(name?.slice(1)))))
  }
})

test('a client hears within 100 ms that nobody is at the target’s port', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  await stage.serve(...families.map(({ vip, target }) => service('UDP', vip, 8080, [target(1)], { targetPort: 9001 })))
  for (const { vip } of families) {
    const { error, ms = Infinity }: Answers = await ask(stage.client, 'asker.fixture.ts', 'UDP', vip, 8080, 100, 100)
    assert.match(error ?? '', /ECONNREFUSED/)
    assert.ok(ms < 100 + slackMs, `${vip}: ${ms} ms`)
  }
})
