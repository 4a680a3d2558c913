/** The AWS CLI's waiters poll until a state is there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAws } from '../../src/api/run-aws.fixture.ts'
import { lacking } from '../lacking.ts'
import { Network } from './network.ts'
import { has, startSluice } from './sluice.ts'
import { startTarget } from './targets.ts'

test('`aws elbv2 wait` and `aws ec2 wait` end when what they wait for is there', { timeout: 60_000 }, async t => {
  if (!has('aws')) return lacking(t, 'aws (Debian: awscli)')
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const wait = (...args: string[]) => {
    const [service = '', ...rest] = args
    return runAws([service, 'wait', ...rest, '--endpoint-url', sluice.url], {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_PAGER: '',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    })
  }
  const target = await startTarget(t, '127.76.2.1', 26_021)
  const group = await network.targetGroup('TCP', [target], { 'deregistration_delay.timeout_seconds': '0' })
  const loadBalancer = await network.loadBalancer()
  const { Instances = [] } = await network.ec2.runInstances({ ImageId: 'ami-12345678', MinCount: 1, MaxCount: 1 })
  const instance = String(Instances[0]?.InstanceId)
  await Promise.all([
    wait('elbv2', 'load-balancer-available', '--load-balancer-arns', loadBalancer),
    wait('ec2', 'instance-running', '--instance-ids', instance),
  ])
  await network.listener(loadBalancer, 'TCP', 26_020, { [group]: 1 })
  await wait('elbv2', 'target-in-service', '--target-group-arn', group)
  assert.deepEqual(await network.health(group), { [target.address]: 'healthy' })
  await network.deregister(group, target)
  await network.ec2.terminateInstances({ InstanceIds: [instance] })
  await network.elbv2.deleteLoadBalancer({ LoadBalancerArn: loadBalancer })
  await Promise.all([
    wait('elbv2', 'target-deregistered', '--target-group-arn', group, '--targets', `Id=${target.address},Port=26021`),
    wait('elbv2', 'load-balancers-deleted', '--load-balancer-arns', loadBalancer),
    wait('ec2', 'instance-terminated', '--instance-ids', instance),
  ])
})
