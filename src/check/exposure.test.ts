import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instance, listener, loadBalancer, securityGroup } from '../domain/state.fixture.ts'
import type { Change } from '../domain/state.ts'
import { found, idsOf } from './design.fixture.ts'

const everyone = { cidrIpv4: '0.0.0.0/0' }
const guarded = (
  ...rules: readonly (readonly [string, { readonly cidrIpv4: string } | { readonly cidrIpv6: string }])[]
) => [{ table: 'securityGroups', key: 'sg-1', value: securityGroup('sg-1', rules) }] satisfies readonly Change[]
const revoke = 'aws ec2 revoke-security-group-ingress --group-id sg-1 --security-group-rule-ids'
const authorize = 'aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port'

test('S2.11: a test listener that everyone reaches from the internet is found, and its rule revoked', () => {
  const changes = guarded(['tcp 80-80', everyone], ['tcp 8080-8080', everyone])
  const { text, commands } = found('open-test-port', { changes })
  assert.match(text, /test listener at TCP 8080 of the internet-facing load balancer shop is open to everyone/)
  assert.deepEqual(commands, [`${revoke} sgr-sg-1-1`])
})

test('what is open in one rule with production is taken apart first', () => {
  const { commands } = found('open-test-port', { changes: guarded(['tcp 80-8080', everyone]) })
  assert.deepEqual(commands, [`${authorize} 80 --cidr 0.0.0.0/0`, `${revoke} sgr-sg-1-0`])
  const all = found('open-test-port', { changes: guarded(['-1', everyone], ['tcp 80-80', everyone]) })
  assert.deepEqual(all.commands, [`${authorize} 10000 --cidr 0.0.0.0/0`, `${revoke} sgr-sg-1-0`])
})

test('a rule that also guards instances is not to be revoked', () => {
  const value = instance('i-1', { securityGroups: ['sg-1'] })
  const changes = [...guarded(['tcp 80-8080', everyone]), { table: 'instances', key: 'i-1', value } as const]
  const { cure, commands } = found('open-test-port', { changes })
  assert.match(cure, /sg-1 also guards i-1/)
  assert.deepEqual(commands, [])
})

test('a dummy port that everyone reaches is found too', () => {
  const changes = guarded(['tcp 80-80', everyone], ['tcp 10000-10000', everyone])
  assert.match(found('open-test-port', { changes }).text, /dummy listener at TCP 10000/)
})

test('nobody minds a test port that is for a few, behind an internal load balancer, or of another protocol', () => {
  for (const rule of ['tcp 8080-8080', '-1']) {
    assert.deepEqual(idsOf({ changes: guarded([rule, { cidrIpv4: '198.51.100.0/24' }]) }), [])
    assert.deepEqual(idsOf({ balancer: { scheme: 'internal' }, changes: guarded([rule, everyone]) }), [])
  }
  assert.deepEqual(idsOf({ changes: guarded(['udp 8080-8080', everyone]) }), [])
})

test('IPv6 counts where the load balancer has it', () => {
  const changes = guarded(['tcp 8080-8080', { cidrIpv6: '::/0' }])
  assert.deepEqual(idsOf({ changes }), [])
  const dualstack = { ipAddressType: 'dualstack' } as const
  assert.deepEqual(idsOf({ balancer: dualstack, changes }), ['open-test-port'])
})

test('S1.9: a Network Load Balancer without a security group is found, with its replacement, and its test port is open', () => {
  const wishes = { balancer: { securityGroups: [] } }
  assert.deepEqual(idsOf(wishes), ['open-test-port', 'no-security-group'])
  const { commands } = found('no-security-group', wishes)
  assert.deepEqual(commands, [
    "group=$(aws ec2 create-security-group --group-name shop-2 --description 'who may reach shop-2' --vpc-id vpc-1 --query GroupId --output text)",
    'aws ec2 authorize-security-group-ingress --group-id $group --protocol tcp --port 80 --cidr 0.0.0.0/0',
    'aws elbv2 create-load-balancer --name shop-2 --type network --scheme internet-facing --subnets subnet-a subnet-b --security-groups $group',
  ])
})

test('an Application Load Balancer without any is as its VPC made it', () => {
  const value = loadBalancer({ arn: 'arn:alb', name: 'site', type: 'application' })
  const own = listener({ arn: 'arn:http', loadBalancerArn: 'arn:alb', protocol: 'HTTP', forward: [] })
  const changes = [
    { table: 'loadBalancers', key: 'arn:alb', value },
    { table: 'listeners', key: 'arn:http', value: own },
  ] satisfies readonly Change[]
  assert.deepEqual(idsOf({ changes }), [])
})
