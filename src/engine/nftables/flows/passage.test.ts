import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostWith } from '../host.fixture.ts'
import { Marks } from '../marks.ts'
import { groupName } from '../names.ts'
import { groupAt, listenerAt } from '../snapshot.fixture.ts'
import { passage, passageProblems } from './passage.ts'

const web = groupAt('web', 'UDP', ['10.9.1.2 9000'])
const listener = listenerAt('UDP 10.9.0.1 8080', [[web, 1]])
const marks = new Marks(0xce)
const [near, ipv6, own, gone] = ['10.9.1.2', 'fd09:1::2', '198.18.0.7', '10.9.1.3'].map(address =>
  marks.ofTarget(groupName(web.id, 'UDP'), address, 9000),
) as [number, number, number, number]
const host = hostWith({ ownsLocalRange: true })
const problems = (held: ReadonlyMap<number, number>, now: number) =>
  passageProblems(held, marks, host, [listener], now).map(({ reason }) => reason)

test('a target to which flows were sent and none got out, at every look for 5 s, is a problem, with what to tell the firewall', () => {
  let held = passage(new Map(), [near], 1_000)
  assert.deepEqual(problems(held, 1_000), [])
  held = passage(held, [near], 6_000)
  assert.deepEqual(passageProblems(held, marks, host, [listener], 6_000), [
    {
      listener: 'UDP 10.9.0.1 8080',
      listenerArn: listener.listenerArn,
      target: '10.9.1.2:9000',
      reason:
        "target 10.9.1.2:9000 gets no flows: another firewall's rules on this host drop them. Have these accept Sluice's " +
        'mark: iptables -I FORWARD -m connmark --mark 0xce000000/0xff000000 -j ACCEPT (with Docker in DOCKER-USER; nft: ' +
        'ct mark & 0xff000000 == 0xce000000 accept)',
    },
  ])
})

test('one that has got out since, or that nobody asked for, begins anew', () => {
  const held = passage(passage(passage(new Map(), [near], 1_000), [], 6_000), [near], 11_000)
  assert.deepEqual(problems(held, 11_000), [])
})

test('IPv6 has its own firewall, and what stays on this host another chain', () => {
  const [first, second] = problems(passage(new Map(), [ipv6, own], 0), 5_000)
  assert.match(first ?? '', /^target \[fd09:1::2\]:9000 .* ip6tables -I FORWARD /)
  assert.match(second ?? '', /^target 198\.18\.0\.7:9000 .* iptables -I INPUT .* \(nft: /)
})

test('a target that has no mark any more is none', () => {
  marks.forgetTarget(gone)
  assert.deepEqual(problems(passage(new Map(), [gone], 0), 5_000), [])
})
