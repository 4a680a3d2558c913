/** The example of an empty data directory: one Network Load Balancer, UDP and TCP, two small targets. */
import type { Options } from './options.ts'
import type { SampleTarget } from './sample-target.ts'

/**
 * On Linux the whole of 127.0.0.0/8 is this host, so each sample target has an address of its own, as two machines would;
 * elsewhere they share 127.0.0.1 and differ by port.
 */
export const sampleTargets: readonly SampleTarget[] = ['blue', 'green'].map((name, index) =>
  process.platform === 'linux'
    ? { name, address: `127.65.0.${index + 2}`, port: 8080, tcpPort: 8081 }
    : { name, address: '127.0.0.1', port: 18080 + 10 * index, tcpPort: 18081 + 10 * index },
)

/** A group has one health-check port; where the targets differ by port, each group checks the service that it balances. */
const oneHealthPort = new Set(sampleTargets.map(({ port }) => port)).size === 1

const listeners = [
  { protocol: 'UDP', port: 8080, targetGroup: 'hello-udp', targetPort: (target: SampleTarget) => target.port },
  { protocol: 'TCP', port: 8081, targetGroup: 'hello-tcp', targetPort: (target: SampleTarget) => target.tcpPort },
] as const

/** True where the example's load balancer is there, from an earlier start. */
export async function exampleIsSetUp(url: string, options: Options): Promise<boolean> {
  const { elbv2 } = await clients(url, options)
  const { LoadBalancers = [] } = await elbv2.describeLoadBalancers({})
  return LoadBalancers.some(({ LoadBalancerName }) => LoadBalancerName === 'hello')
}

/** Sets the example up through the API, as a user would. */
export async function setUpExample(url: string, options: Options): Promise<void> {
  const { elbv2, ec2 } = await clients(url, options)
  const { Subnets = [] } = await ec2.describeSubnets({ Filters: [{ Name: 'availability-zone', Values: ['local-1a'] }] })
  const { VpcId, SubnetId } = Subnets[0] ?? {}
  if (VpcId === undefined || SubnetId === undefined) throw new Error('the default subnet local-1a is missing')

  const { GroupId } = await ec2.createSecurityGroup({ GroupName: 'hello', Description: 'who may reach hello', VpcId })
  await ec2.authorizeSecurityGroupIngress({
    GroupId,
    IpPermissions: listeners.map(({ protocol, port }) => ({
      IpProtocol: protocol.toLowerCase(),
      FromPort: port,
      ToPort: port,
      IpRanges: [{ CidrIp: '0.0.0.0/0' }],
    })),
  })
  const { LoadBalancers = [] } = await elbv2.createLoadBalancer({
    Name: 'hello',
    Type: 'network',
    Subnets: [SubnetId],
    SecurityGroups: [String(GroupId)],
  })
  for (const { protocol, port, targetGroup, targetPort } of listeners) {
    const { TargetGroups = [] } = await elbv2.createTargetGroup({
      Name: targetGroup,
      Protocol: protocol,
      Port: port,
      VpcId,
      TargetType: 'ip',
      HealthCheckProtocol: 'TCP',
      HealthCheckPort: oneHealthPort ? String(sampleTargets[0]?.port) : 'traffic-port',
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
    })
    const TargetGroupArn = TargetGroups[0]?.TargetGroupArn
    await elbv2.registerTargets({
      TargetGroupArn,
      Targets: sampleTargets.map(target => ({ Id: target.address, Port: targetPort(target) })),
    })
    await elbv2.createListener({
      LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
      Protocol: protocol,
      Port: port,
      DefaultActions: [{ Type: 'forward', TargetGroupArn }],
    })
  }
}

/** What to try with the example, for the terminal; `samples`: the targets that run. */
export function exampleHints(samples: readonly { readonly name: string; readonly pid: number | undefined }[]): string {
  if (samples.length === 0)
    return 'The load balancer "hello" is set up, but its sample targets do not run (see above).\n'
  const group =
    "$(aws elbv2 describe-target-groups --names hello-udp --query 'TargetGroups[0].TargetGroupArn' --output text)"
  return `
The load balancer "hello" runs, with the targets ${samples.map(({ name }) => name).join(' and ')}:
  nc -u 127.0.0.1 8080    type a line: a target answers with its name (UDP)
  nc 127.0.0.1 8081       the same over TCP
Stop the health service of the target that answers, and keep typing in the same nc:
${samples.map(({ name, pid }) => `  kill -USR2 ${String(pid).padEnd(12)} stops ${name}'s, or starts it again`).join('\n')}
Within ten seconds it is unhealthy and the other one answers. What the load balancer says of it:
  aws elbv2 describe-target-health --target-group-arn \\
    ${group}
`
}

/** The SDK's clients of the services that the examples use. */
export async function clients(endpoint: string, options: Options) {
  const [{ ElasticLoadBalancingV2 }, { EC2 }, { ECS }, { CodeDeploy }, { signingKey }] = await Promise.all([
    import('@aws-sdk/client-elastic-load-balancing-v2'),
    import('@aws-sdk/client-ec2'),
    import('@aws-sdk/client-ecs'),
    import('@aws-sdk/client-codedeploy'),
    import('./signing-key.ts'),
  ])
  const configuration = { endpoint, region: options.region, credentials: signingKey(options) }
  return {
    elbv2: new ElasticLoadBalancingV2(configuration),
    ec2: new EC2(configuration),
    ecs: new ECS(configuration),
    codedeploy: new CodeDeploy(configuration),
  }
}
