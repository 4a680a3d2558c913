/** Sets up Sluice's part of the layer-4 benchmark through its API: BALANCER TARGET1 TARGET2, all on this namespace's links. */
import { EC2 } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'

const [balancer = '', ...targets] = process.argv.slice(2)
const configuration = {
  endpoint: 'http://127.0.0.1:4566',
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  // Sluice may still be starting.
  maxAttempts: 20,
}
const ec2 = new EC2(configuration)
const elbv2 = new ElasticLoadBalancingV2(configuration)

const CidrBlock = balancer.replace(/\d+$/, '0/24')
const { Vpc } = await ec2.createVpc({ CidrBlock })
const { Subnet } = await ec2.createSubnet({ VpcId: Vpc?.VpcId, CidrBlock, AvailabilityZone: 'local-1a' })
const { LoadBalancers = [] } = await elbv2.createLoadBalancer({
  Name: 'bench',
  Type: 'network',
  Subnets: [String(Subnet?.SubnetId)],
})

const listener = async (
  name: string,
  protocol: 'TCP' | 'TCP_UDP',
  port: number,
  targetPort: number,
  addresses: string[],
) => {
  const { TargetGroups = [] } = await elbv2.createTargetGroup({
    Name: name,
    Protocol: protocol,
    Port: targetPort,
    VpcId: Vpc?.VpcId,
    TargetType: 'ip',
    HealthCheckPort: '80',
    HealthCheckIntervalSeconds: 30,
  })
  const TargetGroupArn = TargetGroups[0]?.TargetGroupArn
  // Targets outside the VPC's range belong to all zones.
  await elbv2.registerTargets({ TargetGroupArn, Targets: addresses.map(Id => ({ Id, AvailabilityZone: 'all' })) })
  await elbv2.createListener({
    LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
    Protocol: protocol,
    Port: port,
    DefaultActions: [{ Type: 'forward', TargetGroupArn }],
  })
}
await listener('bulk', 'TCP_UDP', 6201, 5201, targets.slice(0, 1))
await listener('web', 'TCP', 6202, 80, targets)
