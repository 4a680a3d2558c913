/** An Application Load Balancer on the balancer of `buildTopology`, set up through the API as a user would. */
import { ACM } from '@aws-sdk/client-acm'
import { EC2 } from '@aws-sdk/client-ec2'
import {
  type CreateTargetGroupCommandInput,
  ElasticLoadBalancingV2,
  type ProtocolEnum,
} from '@aws-sdk/client-elastic-load-balancing-v2'

export interface Api {
  readonly acm: ACM
  readonly ec2: EC2
  readonly elbv2: ElasticLoadBalancingV2
}

/** Of a Sluice on this host, at its usual port; it may still be starting. */
export function connectApi(): Api {
  const configuration = {
    endpoint: 'http://127.0.0.1:4566',
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 20,
  }
  return {
    acm: new ACM(configuration),
    ec2: new EC2(configuration),
    elbv2: new ElasticLoadBalancingV2(configuration),
  }
}

interface Wishes {
  readonly httpPort: number
  readonly httpsPort: number
  /** Their addresses; port 80. */
  readonly targets: readonly string[]
  /** Beside AWS's defaults. */
  readonly group?: Partial<CreateTargetGroupCommandInput>
  /** Of the load balancer. */
  readonly attributes?: Readonly<Record<string, string>>
}

export interface LoadBalancerArns {
  readonly vpcId: string
  readonly subnetIds: readonly string[]
  readonly loadBalancer: string
  readonly targetGroup: string
  readonly certificate: string
  readonly httpListener: string
  readonly httpsListener: string
}

/** One HTTP and one HTTPS listener on 10.9.0.1 and 10.9.1.1, which forward to one group and admit everyone. */
export async function setUpLoadBalancer({ acm, ec2, elbv2 }: Api, wishes: Wishes): Promise<LoadBalancerArns> {
  const { Vpc } = await ec2.createVpc({ CidrBlock: '10.9.0.0/16' })
  const VpcId = String(Vpc?.VpcId)
  const subnet = async (CidrBlock: string, AvailabilityZone: string) => {
    const { Subnet } = await ec2.createSubnet({ VpcId, CidrBlock, AvailabilityZone })
    return String(Subnet?.SubnetId)
  }
  const Subnets = [await subnet('10.9.0.0/24', 'local-1a'), await subnet('10.9.1.0/24', 'local-1b')]
  for (const network of new Set(wishes.targets.map(address => address.replace(/\d+$/, '0/24'))))
    if (network !== '10.9.1.0/24') await subnet(network, 'local-1a')
  const { GroupId = '' } = await ec2.createSecurityGroup({ GroupName: 'bench', Description: 'all of TCP', VpcId })
  await ec2.authorizeSecurityGroupIngress({
    GroupId,
    IpPermissions: [{ IpProtocol: 'tcp', FromPort: 0, ToPort: 65_535, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
  })
  const { LoadBalancers = [] } = await elbv2.createLoadBalancer({ Name: 'bench', Subnets, SecurityGroups: [GroupId] })
  const LoadBalancerArn = String(LoadBalancers[0]?.LoadBalancerArn)
  const Attributes = Object.entries(wishes.attributes ?? {}).map(([Key, Value]) => ({ Key, Value }))
  if (Attributes.length > 0) await elbv2.modifyLoadBalancerAttributes({ LoadBalancerArn, Attributes })
  const { TargetGroups = [] } = await elbv2.createTargetGroup({
    Name: 'web',
    Protocol: 'HTTP',
    Port: 80,
    VpcId,
    TargetType: 'ip',
    ...wishes.group,
  })
  const TargetGroupArn = String(TargetGroups[0]?.TargetGroupArn)
  await elbv2.registerTargets({ TargetGroupArn, Targets: wishes.targets.map(Id => ({ Id })) })
  const { CertificateArn = '' } = await acm.requestCertificate({
    DomainName: 'bench.example.com',
    KeyAlgorithm: 'EC_prime256v1',
  })
  const listener = async (Protocol: ProtocolEnum, Port: number) => {
    const { Listeners = [] } = await elbv2.createListener({
      LoadBalancerArn,
      Protocol,
      Port,
      ...(Protocol === 'HTTPS' && {
        Certificates: [{ CertificateArn }],
        SslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06',
      }),
      DefaultActions: [{ Type: 'forward', TargetGroupArn }],
    })
    return String(Listeners[0]?.ListenerArn)
  }
  return {
    vpcId: VpcId,
    subnetIds: Subnets,
    loadBalancer: LoadBalancerArn,
    targetGroup: TargetGroupArn,
    certificate: CertificateArn,
    httpListener: await listener('HTTP', wishes.httpPort),
    httpsListener: await listener('HTTPS', wishes.httpsPort),
  }
}
