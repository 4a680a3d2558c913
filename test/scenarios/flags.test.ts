/** What `sluice up` is told: workers, account and region; and whom it believes, with the AWS CLI as the caller. */
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'
import { STS } from '@aws-sdk/client-sts'
import { runAws } from '../../src/api/run-aws.fixture.ts'
import { lacking } from '../lacking.ts'
import { Network } from './network.ts'
import { has, startSluice, temporaryDirectory } from './sluice.ts'

test('--workers, --account and --region do what they say, and a request may be signed for any region', async t => {
  const flags = ['--workers', '3', '--account', '123456789012', '--region', 'eu-west-1']
  const sluice = await startSluice(t, { flags })
  assert.equal(sluice.pids('worker').length, 3)
  assert.match(sluice.output(), new RegExp(`export AWS_ENDPOINT_URL=${sluice.url} AWS_REGION=eu-west-1`))
  const credentials = { accessKeyId: 'any', secretAccessKey: 'key' }
  const configuration = { endpoint: sluice.url, region: 'ap-northeast-1', credentials }
  const { Account, Arn } = await new STS(configuration).getCallerIdentity({})
  assert.deepEqual([Account, Arn], ['123456789012', 'arn:aws:iam::123456789012:root'])

  const network = new Network(sluice.url)
  const own = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:'
  const loadBalancer = await network.loadBalancer()
  const group = await network.targetGroup('UDP', [])
  const listener = await network.listener(loadBalancer, 'UDP', 26_001, { [group]: 1 })
  for (const arn of [loadBalancer, group, listener]) assert.ok(arn.startsWith(own), arn)
  const elbv2 = new ElasticLoadBalancingV2(configuration)
  const { LoadBalancers = [] } = await elbv2.describeLoadBalancers({ LoadBalancerArns: [loadBalancer] })
  assert.equal(LoadBalancers[0]?.AvailabilityZones?.[0]?.ZoneName, 'local-1a')
})

test('with --credentials the AWS CLI is let in with the right secret, for any region, and told why not with another', async t => {
  if (!has('aws')) return lacking(t, 'aws (Debian: awscli)')
  const file = join(temporaryDirectory(t), 'keys')
  writeFileSync(file, '[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = right\n')
  chmodSync(file, 0o600)
  const sluice = await startSluice(t, { flags: ['--credentials', file] })
  const aws = (secret: string, ...args: string[]) =>
    runAws([...args, '--endpoint-url', sluice.url, '--output', 'json'], {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_DEFAULT_REGION: 'sa-east-1',
      AWS_PAGER: '',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    })
  const [vpcs, groups] = await Promise.all([
    aws('right', 'ec2', 'describe-vpcs'),
    aws('right', 'elbv2', 'describe-target-groups'),
    assert.rejects(aws('wrong', 'elbv2', 'describe-target-groups'), /\(SignatureDoesNotMatch\)/),
  ])
  assert.equal(JSON.parse(vpcs.stdout).Vpcs[0].CidrBlock, '127.0.0.0/8')
  assert.deepEqual(JSON.parse(groups.stdout).TargetGroups, [])
})
