import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError, vpc, WebAccount } from './account.fixture.ts'
import { DeleteListener, ModifyListener } from './listeners.ts'
import { DeleteLoadBalancer } from './load-balancers.ts'
import { DeregisterTargets, DescribeTargetHealth, RegisterTargets } from './targets.ts'

function started() {
  const account = new WebAccount()
  const group = (Name: string, input = {}) =>
    account.targetGroup({ Name, Protocol: 'TCP', Port: 80, TargetType: 'alb', ...input })
  const register = (TargetGroupArn: string, Id = account.web, more = {}) =>
    account.run(RegisterTargets, { TargetGroupArn, Targets: [{ Id, ...more }] })
  return { account, group, register }
}

test('an Application Load Balancer with a listener on the port is the target of a Network Load Balancer', () => {
  const { account, group, register } = started()
  const TargetGroupArn = group('web')
  account.listener(account.loadBalancer(), TargetGroupArn, { Protocol: 'TCP', Port: 8080 })
  register(TargetGroupArn)
  const [described] = account.run(DescribeTargetHealth, { TargetGroupArn }).TargetHealthDescriptions ?? []
  assert.deepEqual(described?.Target, { Id: account.web, Port: 80 })
  assert.equal(described?.TargetHealth?.State, 'initial')
})

test('what is no such load balancer is no target', () => {
  const { account, group, register } = started()
  const TargetGroupArn = group('web')
  const noListener = awsError(
    'ValidationError',
    'If the target type is ALB, the target must have at least one listener',
  )
  assert.throws(() => register(group('other', { Port: 81 })), noListener)
  assert.throws(() => register(TargetGroupArn, account.web, { Port: 81 }), noListener)
  assert.throws(
    () => register(TargetGroupArn, '127.0.0.5'),
    awsError('ValidationError', 'is not a valid load balancer'),
  )
  assert.throws(
    () => register(TargetGroupArn, account.loadBalancer()),
    awsError('InvalidTarget', 'not valid Application Load Balancers'),
  )
  assert.throws(
    () => register(TargetGroupArn, account.web, { AvailabilityZone: 'local-1a' }),
    awsError('ValidationError', "target type 'alb'"),
  )
  const far = awsError('InvalidTarget', `not in the target group VPC '${vpc.id}'`)
  assert.throws(() => register(group('far', { VpcId: vpc.id })), far)
})

test('a group has one, which is in two groups at most; one that drains does not count', () => {
  const { account, group, register } = started()
  const second = account.loadBalancer({ Name: 'second', Type: 'application' })
  account.listener(second, account.blue, { Protocol: 'HTTP', Port: 81 })
  const [a, b, c] = [group('a'), group('b'), group('c')]
  register(a)
  account.httpListener({ Port: 82 })
  assert.throws(() => register(a, account.web, { Port: 82 }), awsError('TooManyTargets', 'more than 1 target'))
  register(b)
  assert.throws(() => register(c), awsError('TooManyRegistrationsForTargetId', 'more than 2 target groups'))
  account.run(DeregisterTargets, { TargetGroupArn: a, Targets: [{ Id: account.web }] })
  register(c)
  register(a, second, { Port: 81 })
})

test('while it is a target it stays, and its listener on that port too', () => {
  const { account, group, register } = started()
  const TargetGroupArn = group('web')
  register(TargetGroupArn)
  const inUse = awsError(
    'ResourceInUse',
    `Listener port '80' is in use by registered target '${account.web}' and cannot be removed.`,
  )
  assert.throws(() => account.run(DeleteListener, { ListenerArn: account.http }), inUse)
  assert.throws(() => account.run(ModifyListener, { ListenerArn: account.http, Port: 81 }), inUse)
  assert.throws(
    () => account.run(DeleteLoadBalancer, { LoadBalancerArn: account.web }),
    awsError('ResourceInUse', 'cannot be deleted because it is currently associated with another service'),
  )
  account.run(DeleteListener, { ListenerArn: account.httpListener({ Port: 82 }) })
  account.run(DeregisterTargets, { TargetGroupArn, Targets: [{ Id: account.web }] })
  account.run(DeleteLoadBalancer, { LoadBalancerArn: account.web })
})
