/**
 * S1, load balancing UDP with a Network Load Balancer, told once and run with each client on loopback: rows S1.1-S1.10, but
 * for what takes other hosts (kernel-s1.test.ts, target-hosts.test.ts).
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Driver } from './drivers.ts'
import { netcat } from './netcat.ts'
import { startSluice, until } from './sluice.ts'

/** Where one run of the story takes place, so that several can run at once: addresses of local-1b's half of 127.0.0.0/8. */
interface Stage {
  readonly port: number
  readonly targets: readonly [string, string]
}

export async function storyOfS1(t: TestContext, stage: Stage, drive: (url: string) => Driver): Promise<void> {
  const sluice = await startSluice(t)
  const aws = drive(sluice.url)
  const refused = (promise: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(promise, (error: { code: string; message: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message, message)
      return true
    })

  assert.equal((await aws('sts', 'GetCallerIdentity')).Account, '000000000000')

  // S1.2: the smallest set-up. The zone local-1b, so that S1.6 can tell the load balancer's address from the host's.
  const [subnet] = (
    await aws('ec2', 'DescribeSubnets', { Filters: [{ Name: 'availability-zone', Values: ['local-1b'] }] })
  ).Subnets
  const { GroupId } = await aws('ec2', 'CreateSecurityGroup', {
    GroupName: 's1',
    Description: 'who may send',
    VpcId: subnet.VpcId,
  })
  await aws('ec2', 'AuthorizeSecurityGroupIngress', {
    GroupId,
    IpPermissions: [
      { IpProtocol: 'udp', FromPort: stage.port, ToPort: stage.port, IpRanges: [{ CidrIp: '127.0.0.0/8' }] },
    ],
  })
  const network = { Name: 's1', Type: 'network', Subnets: [subnet.SubnetId], SecurityGroups: [GroupId] }
  const [loadBalancer] = (await aws('elbv2', 'CreateLoadBalancer', network)).LoadBalancers
  const { LoadBalancerArn } = loadBalancer
  assert.match(
    LoadBalancerArn,
    /^arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer\/net\/s1\/[0-9a-f]{16}$/,
  )
  const address = '127.0.0.2'

  // S1.4: a health check cannot be UDP.
  const group = {
    Name: 's1',
    Protocol: 'UDP',
    Port: stage.port,
    VpcId: subnet.VpcId,
    TargetType: 'ip',
    HealthCheckIntervalSeconds: 5,
    HealthCheckTimeoutSeconds: 2,
    HealthyThresholdCount: 2,
    UnhealthyThresholdCount: 2,
  }
  await refused(aws('elbv2', 'CreateTargetGroup', { ...group, HealthCheckProtocol: 'UDP' }), 'ValidationError', /./)
  assert.deepEqual((await aws('elbv2', 'DescribeTargetGroups')).TargetGroups, [])
  const [{ TargetGroupArn }] = (await aws('elbv2', 'CreateTargetGroup', { ...group, HealthCheckProtocol: 'TCP' }))
    .TargetGroups

  // S1.3: a UDP group preserves the client's address, and that cannot be switched off.
  const preserve = { Key: 'preserve_client_ip.enabled', Value: 'false' }
  await refused(
    aws('elbv2', 'ModifyTargetGroupAttributes', { TargetGroupArn, Attributes: [preserve] }),
    'InvalidConfigurationRequest',
    /./,
  )
  const { Attributes } = await aws('elbv2', 'DescribeTargetGroupAttributes', { TargetGroupArn })
  assert.equal(Attributes.find(({ Key }: { Key: string }) => Key === preserve.Key)?.Value, 'true')

  // S1.9: created without a security group, it can never be given one; created with one, the groups can be changed.
  const [bare] = (await aws('elbv2', 'CreateLoadBalancer', { ...network, Name: 's1-bare', SecurityGroups: [] }))
    .LoadBalancers
  const give = (arn: string) => aws('elbv2', 'SetSecurityGroups', { LoadBalancerArn: arn, SecurityGroups: [GroupId] })
  await refused(give(bare.LoadBalancerArn), 'InvalidConfigurationRequest', /./)
  assert.deepEqual((await give(LoadBalancerArn)).SecurityGroupIds, [GroupId])
  await aws('elbv2', 'DeleteLoadBalancer', { LoadBalancerArn: bare.LoadBalancerArn })

  // S1.10, the rules that the targets' own group would have: the service and the health check, both from the load
  // balancer's group.
  const targetsGroup = await aws('ec2', 'CreateSecurityGroup', {
    GroupName: 's1-targets',
    Description: 'targets',
    VpcId: subnet.VpcId,
  })
  await aws('ec2', 'AuthorizeSecurityGroupIngress', {
    GroupId: targetsGroup.GroupId,
    IpPermissions: ['udp', 'tcp'].map(IpProtocol => ({
      IpProtocol,
      FromPort: stage.port,
      ToPort: stage.port,
      UserIdGroupPairs: [{ GroupId }],
    })),
  })
  await refused(aws('ec2', 'DeleteSecurityGroup', { GroupId }), 'DependencyViolation', /dependent object/)

  // S1.5: each target is a UDP service and, beside it, what answers the health check.
  const port = String(stage.port)
  const hosts = stage.targets.map(host => ({
    host,
    service: netcat(t, '-ulkv', host, port),
    health: netcat(t, '-lkvn', host, port),
  }))
  await aws('elbv2', 'RegisterTargets', { TargetGroupArn, Targets: stage.targets.map(Id => ({ Id })) })
  const health = async () =>
    Object.fromEntries(
      (await aws('elbv2', 'DescribeTargetHealth', { TargetGroupArn })).TargetHealthDescriptions.map(
        (each: { Target: { Id: string }; TargetHealth: { State: string; Reason?: string } }) => [
          each.Target.Id,
          each.TargetHealth,
        ],
      ),
    )
  // No listener refers to the group yet.
  assert.deepEqual(await health().then(all => all[stage.targets[0]].Reason), 'Target.NotInUse')

  // S1.1: an NLB takes UDP listeners.
  const listener = {
    LoadBalancerArn,
    Protocol: 'UDP',
    Port: stage.port,
    DefaultActions: [{ Type: 'forward', TargetGroupArn }],
  }
  const [{ ListenerArn }] = (await aws('elbv2', 'CreateListener', listener)).Listeners
  await until('both targets are healthy', async () =>
    Object.values(await health()).every(each => (each as { State: string }).State === 'healthy'),
  )

  // S1.6: the checks come from the load balancer's own address, as soon as there is one.
  await until('both are checked from there', () =>
    hosts.every(({ health }) => /Connection received on 127\.0\.0\.2 \d+/.test(health.notes)),
  )

  // S1.7: one socket sends a counter.
  const client = netcat(t, '-uv', address, port)
  let sent = 0
  const timer = setInterval(() => client.send(String(++sent)), 25)
  t.after(() => clearInterval(timer))
  const first = await until('messages arrive', () => hosts.find(({ service }) => service.lines.length > 20))
  const other = hosts.find(host => host !== first)
  assert.ok(other !== undefined)
  assert.equal(other.service.lines.length, 0, 'one socket is one flow, at one target')

  // S1.8: the health service of the receiving target stops; its state follows, and the same socket's traffic moves.
  await first.health.kill()
  const unhealthy = await until('the target is unhealthy', async () => {
    const state = (await health())[first.host]
    return state.State === 'unhealthy' ? state : undefined
  })
  assert.deepEqual(unhealthy, {
    State: 'unhealthy',
    Reason: 'Target.FailedHealthChecks',
    Description: 'Health checks failed',
  })
  const atChange = sent
  await until(
    'the stream goes on at the other target',
    () => other.service.lines.some(line => Number(line) > atChange),
    2_000,
  )
  await until('and stays there', () => Number(other.service.lines.at(-1)) > atChange + 40)
  clearInterval(timer)
  const last = sent
  await until('all that was sent has arrived', () => Number(other.service.lines.at(-1)) === last, 2_000).catch(() => {})
  // With -v, nc first sends a few datagrams that say `X` to see whether somebody refuses them.
  const numberOf = (line: string) => Number(line.replace(/^X+/, ''))
  const arrived = new Set([...first.service.lines, ...other.service.lines].map(numberOf))
  const lost = Array.from({ length: last }, (_, index) => index + 1).filter(number => !arrived.has(number))
  t.diagnostic(
    `${last} datagrams from one socket, ${lost.length} lost while the target changed${lost.length > 0 ? `: ${lost}` : ''}`,
  )
  assert.deepEqual(lost, [], 'the UDP service itself never stopped, so nothing may be lost')
  const moved = numberOf(other.service.lines[0] ?? '')
  const late = first.service.lines.filter(line => !(numberOf(line) < moved))
  assert.deepEqual(late, [], 'nothing goes to the unhealthy target after the move')

  // And back: a health service again, the target healthy again.
  netcat(t, '-lkvn', first.host, port)
  await until('the target is healthy again', async () => (await health())[first.host].State === 'healthy')

  // S1.3, at the target: without -k, nc says whose datagram came first. Only the kernel can keep that address.
  await Promise.all([client, ...hosts.map(({ service }) => service)].map(each => each.kill()))
  const asked = stage.targets.map(host => netcat(t, '-ulvn', host, port))
  await until('the services are there', () => asked.every(({ notes }) => notes.includes('Bound on')))
  const own = { address: '127.130.9.9', port: String(stage.port + 100) }
  netcat(t, '-un', '-s', own.address, '-p', own.port, address, port).send('whom do you see?')
  const [, ...seen] = await until('one of them has it', () =>
    asked.map(({ notes }) => /Connection received on (\S+) (\d+)/.exec(notes)).find(match => match !== null),
  )
  const isInKernel = (await sluice.status()).listeners[0]?.engine === 'kernel'
  assert.equal(isInKernel, process.getuid?.() === 0)
  if (isInKernel) assert.deepEqual(seen, [own.address, own.port])
  else assert.notEqual(seen[0], own.address, 'it is the balancing host’s')

  await aws('elbv2', 'DeleteListener', { ListenerArn })
  assert.equal((await health())[first.host].State, 'unused')
  await aws('elbv2', 'DeleteTargetGroup', { TargetGroupArn })
  await aws('elbv2', 'DeleteLoadBalancer', { LoadBalancerArn })
  await refused(
    aws('elbv2', 'DescribeLoadBalancers', { LoadBalancerArns: [LoadBalancerArn] }),
    'LoadBalancerNotFound',
    /not found/,
  )
  await aws('ec2', 'DeleteSecurityGroup', { GroupId: targetsGroup.GroupId })
  await aws('ec2', 'DeleteSecurityGroup', { GroupId })
}
