import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listener, targetGroup } from '../domain/state.fixture.ts'
import type { Change } from '../domain/state.ts'
import type { HealthCheck } from '../domain/target-group.ts'
import { balancerArn, found, greenArn, idsOf } from './design.fixture.ts'

const http: HealthCheck = { ...targetGroup().healthCheck, protocol: 'HTTP', path: '/health', intervalSeconds: 10 }

test('S2.12: an HTTP check behind a Network Load Balancer is found, of the group that waits its turn too', () => {
  for (const wishes of [{ blue: { healthCheck: http } }, { green: { healthCheck: http }, dummy: false } as const]) {
    const { severity, consequence, here } = found('http-check', wishes)
    assert.equal(severity, 'warning')
    assert.match(consequence, /many such requests in 10 s instead of one/)
    assert.match(here ?? '', /once in 10 s/)
  }
  assert.deepEqual(found('http-check', { green: { healthCheck: http } }).commands, [
    `aws elbv2 modify-target-group --target-group-arn ${greenArn} --health-check-protocol TCP`,
  ])
})

test('a group without a pair counts where a Network Load Balancer names it', () => {
  const group = targetGroup({ arn: 'arn:other', name: 'other', healthCheck: http })
  const its = listener({
    arn: 'arn:own',
    loadBalancerArn: balancerArn,
    forward: [{ targetGroupArn: 'arn:other', weight: 1 }],
  })
  const alone = [{ table: 'targetGroups', key: 'arn:other', value: group }] satisfies readonly Change[]
  assert.deepEqual(idsOf({ changes: alone }), [])
  const changes = [...alone, { table: 'listeners', key: 'arn:own', value: its } as const]
  assert.equal(found('http-check', { changes }).subject, 'target group other')
})

test('TCP checks are as they should be, and a group of Application Load Balancers knows no other than HTTP', () => {
  assert.deepEqual(idsOf({}), [])
  const group = targetGroup({ arn: 'arn:alb', targetType: 'alb', healthCheck: http })
  const its = listener({
    arn: 'arn:own',
    loadBalancerArn: balancerArn,
    forward: [{ targetGroupArn: 'arn:alb', weight: 1 }],
  })
  const changes = [
    { table: 'targetGroups', key: 'arn:alb', value: group },
    { table: 'listeners', key: 'arn:own', value: its },
  ] satisfies readonly Change[]
  assert.deepEqual(idsOf({ changes }), [])
})
