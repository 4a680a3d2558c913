import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { openMemoryStore } from '../../store/memory.ts'
import { awsCli, awsPrograms } from '../aws-cli.fixture.ts'
import { openStubApi } from '../stub-api.fixture.ts'
import { WebAccount } from './account.fixture.ts'
import { elbv2 } from './service.ts'

test('the AWS CLI sets up an Application Load Balancer with HTTPS, a redirect and rules, and takes it down', async t => {
  if (awsPrograms().length === 0) return lacking(t, 'aws (Debian: awscli)')
  const account = new WebAccount()
  const certificates = [account.certificate(), account.certificate()]
  const api = await openStubApi(t, { services: [elbv2], store: openMemoryStore(account.state) })
  const { run } = awsCli(api.url)
  const aws = (line: string, ...more: string[]) => run(`elbv2 ${line}`, ...more)

  const subnets = account.defaultSubnetIds.join(' ')
  const { LoadBalancers } = await aws(`create-load-balancer --name shop --subnets ${subnets}`)
  const arn = LoadBalancers[0].LoadBalancerArn
  assert.equal(LoadBalancers[0].Type, 'application')
  await aws(`wait load-balancer-available --load-balancer-arns ${arn}`)
  const { TargetGroups } = await aws(
    `create-target-group --name shop --protocol HTTP --port 8080 --target-type ip --vpc-id ${account.defaultVpcId}`,
  )
  const group = TargetGroups[0].TargetGroupArn
  assert.equal(TargetGroups[0].ProtocolVersion, 'HTTP1')

  const redirect = 'Type=redirect,RedirectConfig={Protocol=HTTPS,Port=8443,StatusCode=HTTP_301}'
  const plain = await aws(
    `create-listener --load-balancer-arn ${arn} --protocol HTTP --port 8000 --default-actions ${redirect}`,
  )
  assert.equal(plain.Listeners[0].DefaultActions[0].RedirectConfig.Path, '/#{path}')
  const secure = await aws(
    `create-listener --load-balancer-arn ${arn} --protocol HTTPS --port 8443 --certificates CertificateArn=${certificates[0]} ` +
      '--ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06 --default-actions',
    'Type=fixed-response,FixedResponseConfig={StatusCode=404,ContentType=text/plain,MessageBody=nothing here}',
  )
  const listener = secure.Listeners[0].ListenerArn
  assert.equal(secure.Listeners[0].DefaultActions[0].FixedResponseConfig.MessageBody, 'nothing here')
  await aws(`add-listener-certificates --listener-arn ${listener} --certificates CertificateArn=${certificates[1]}`)
  const listed = await aws(`describe-listener-certificates --listener-arn ${listener}`)
  assert.deepEqual(
    listed.Certificates.map((each: { IsDefault: boolean }) => each.IsDefault),
    [true, false],
  )

  const rule = (priority: number, conditions: object[]) =>
    aws(
      `create-rule --listener-arn ${listener} --priority ${priority} --actions Type=forward,TargetGroupArn=${group} --conditions`,
      JSON.stringify(conditions),
    )
  const [first] = (await rule(10, [{ Field: 'host-header', Values: ['*.example.com'] }])).Rules
  const [second] = (
    await rule(20, [
      { Field: 'path-pattern', PathPatternConfig: { Values: ['/a/*', '/b/*'] } },
      { Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'v', Value: '2' }] } },
    ])
  ).Rules
  await assert.rejects(
    rule(20, [{ Field: 'source-ip', SourceIpConfig: { Values: ['10.0.0.0/8'] } }]),
    /\(PriorityInUse\)/,
  )
  await aws(
    `set-rule-priorities --rule-priorities RuleArn=${first.RuleArn},Priority=20 RuleArn=${second.RuleArn},Priority=10`,
  )
  await aws(`modify-rule --rule-arn ${second.RuleArn} --conditions Field=path-pattern,Values=/c/*`)
  const { Rules } = await aws(`describe-rules --listener-arn ${listener}`)
  assert.deepEqual(
    Rules.map((each: { Priority: string; Conditions: { Values: string[] }[] }) => [
      each.Priority,
      each.Conditions.map(({ Values }) => Values),
    ]),
    [
      ['10', [['/c/*']]],
      ['20', [['*.example.com']]],
      ['default', []],
    ],
  )

  await aws(
    `modify-target-group-attributes --target-group-arn ${group} --attributes Key=stickiness.enabled,Value=true Key=stickiness.lb_cookie.duration_seconds,Value=60`,
  )
  await aws(
    `modify-load-balancer-attributes --load-balancer-arn ${arn} --attributes Key=idle_timeout.timeout_seconds,Value=30`,
  )
  const { SslPolicies } = await aws('describe-ssl-policies --names ELBSecurityPolicy-2016-08')
  assert.equal(SslPolicies[0].SslProtocols[0], 'TLSv1')
  await assert.rejects(
    aws(`delete-target-group --target-group-arn ${group}`),
    /\(ResourceInUse\).* is currently in use/,
  )
  await aws(`delete-rule --rule-arn ${first.RuleArn}`)
  await aws(`delete-load-balancer --load-balancer-arn ${arn}`)
  await aws(`delete-target-group --target-group-arn ${group}`)
})
