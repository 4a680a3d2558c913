/** A service in two colours behind a Network Load Balancer, which CodeDeploy deploys: what the stories of S2 have in common. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CodeDeploy, type DeploymentInfo } from '@aws-sdk/client-codedeploy'
import { EC2 } from '@aws-sdk/client-ec2'
import { ECS } from '@aws-sdk/client-ecs'
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'
import { startSluice, until } from './sluice.ts'

type Protocol = 'TCP' | 'UDP' | 'TCP_UDP'

export interface Clients {
  readonly ec2: EC2
  readonly elbv2: ElasticLoadBalancingV2
  readonly ecs: ECS
  readonly codedeploy: CodeDeploy
}

/** What `setUpBalancer` made. */
export interface Balancer {
  /** The load balancer's. */
  readonly address: string
  /** Listeners' ARNs; their ports are `productionPort` and `testPort`. */
  readonly production: string
  readonly test: string
  /** ARNs of `blue` and `green`; both listeners forward to `blue`. */
  readonly groups: readonly [string, string]
}

/** Names of everything that `setUpBlueGreen` made; the first task set is in `blue`. */
export interface BlueGreen extends Balancer {
  readonly service: string
}

export const productionPort = 8443
export const testPort = 9443
export const servicePort = 7000
export const application = 'shop'
export const deploymentGroup = 'shop'

/**
 * A load balancer's address follows from its subnet and name. Without root the machine's 127.0.0.0/8 is everybody's, and two test
 * files must not meet there.
 */
const ownSubnet = `10.${process.pid & 255}.${(process.pid >> 8) & 255}.0/24`

/** What every task runs. */
export const program = join(import.meta.dirname, '../../bench/stage/versioned.ts')

export function clientsOf(endpoint: string): Clients {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  // The control process may be away for a moment.
  const configuration = { endpoint, region: 'us-east-1', credentials, maxAttempts: 10 }
  return {
    ec2: new EC2(configuration),
    elbv2: new ElasticLoadBalancingV2(configuration),
    ecs: new ECS(configuration),
    codedeploy: new CodeDeploy(configuration),
  }
}

/** What runs this version. */
export async function registerVersion(
  { ecs }: Pick<Clients, 'ecs'>,
  version: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { taskDefinition } = await ecs.registerTaskDefinition({
    family: 'shop',
    containerDefinitions: [
      {
        name: 'shop',
        image: `shop:${version}`,
        entryPoint: [process.execPath, program],
        command: [version],
        environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
        portMappings: [{ containerPort: servicePort }],
        stopTimeout: 2,
      },
    ],
  })
  return String(taskDefinition?.taskDefinitionArn)
}

interface Wishes {
  readonly protocol?: Protocol
  readonly desiredCount?: number
  /** Deregistration delay, seconds. */
  readonly delay?: number
  readonly subnetCidr?: string
  /** Of the first version. */
  readonly environment?: Readonly<Record<string, string>>
  /** Of CreateDeploymentGroup. */
  readonly group?: object
}

/** The load balancer with both listeners and both target groups, which have no targets. */
export async function setUpBalancer({ ec2, elbv2 }: Clients, wishes: Wishes = {}): Promise<Balancer> {
  const { protocol = 'TCP_UDP', delay = 1, subnetCidr = ownSubnet } = wishes
  const { Vpc } = await ec2.createVpc({ CidrBlock: subnetCidr.replace(/\d+\.\d+\/24$/, '0.0/16') })
  const VpcId = Vpc?.VpcId
  const { Subnet } = await ec2.createSubnet({ VpcId, CidrBlock: subnetCidr, AvailabilityZone: 'local-1a' })
  const { LoadBalancers = [] } = await elbv2.createLoadBalancer({
    Name: 'shop',
    Type: 'network',
    Subnets: [String(Subnet?.SubnetId)],
  })
  const LoadBalancerArn = String(LoadBalancers[0]?.LoadBalancerArn)
  const group = async (Name: string) => {
    const { TargetGroups = [] } = await elbv2.createTargetGroup({
      Name,
      Protocol: protocol,
      Port: servicePort,
      VpcId,
      TargetType: 'ip',
      HealthCheckProtocol: 'TCP',
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
    })
    const TargetGroupArn = String(TargetGroups[0]?.TargetGroupArn)
    const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: String(delay) }]
    await elbv2.modifyTargetGroupAttributes({ TargetGroupArn, Attributes })
    return TargetGroupArn
  }
  const groups = [await group('blue'), await group('green')] as const
  const listener = async (Port: number) => {
    const { Listeners = [] } = await elbv2.createListener({
      LoadBalancerArn,
      Protocol: protocol,
      Port,
      DefaultActions: [{ Type: 'forward', TargetGroupArn: groups[0] }],
    })
    return String(Listeners[0]?.ListenerArn)
  }
  const [production, test] = [await listener(productionPort), await listener(testPort)]
  const { NetworkInterfaces = [] } = await ec2.describeNetworkInterfaces({})
  const own = NetworkInterfaces.find(({ Description = '' }) => Description.startsWith('ELB net/shop/'))
  return { address: String(own?.PrivateIpAddress), production, test, groups }
}

/** `setUpBalancer`, the service with version `v1` on blue, and the deployment group; all healthy. */
export async function setUpBlueGreen(clients: Clients, wishes: Wishes = {}): Promise<BlueGreen> {
  const { ecs, codedeploy } = clients
  const { desiredCount = 2 } = wishes
  const balancer = await setUpBalancer(clients, wishes)
  const { groups, production, test } = balancer
  const taskDefinition = await registerVersion(clients, 'v1', wishes.environment)
  const { service } = await ecs.createService({
    serviceName: 'shop',
    taskDefinition,
    desiredCount,
    deploymentController: { type: 'CODE_DEPLOY' },
    loadBalancers: [{ targetGroupArn: groups[0], containerName: 'shop', containerPort: servicePort }],
  })
  await codedeploy.createApplication({ applicationName: application, computePlatform: 'ECS' })
  await codedeploy.createDeploymentGroup({
    applicationName: application,
    deploymentGroupName: deploymentGroup,
    serviceRoleArn: 'arn:aws:iam::000000000000:role/deploy',
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    ecsServices: [{ clusterName: 'default', serviceName: 'shop' }],
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: [{ name: 'blue' }, { name: 'green' }],
          prodTrafficRoute: { listenerArns: [production] },
          testTrafficRoute: { listenerArns: [test] },
        },
      ],
    },
    blueGreenDeploymentConfiguration: {
      deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 0 },
    },
    ...wishes.group,
  })
  await untilHealthy(clients, groups[0], desiredCount)
  return { ...balancer, service: String(service?.serviceArn) }
}

/** Waits until the group has so many healthy targets, and no others that it still checks. */
export async function untilHealthy(
  { elbv2 }: Pick<Clients, 'elbv2'>,
  TargetGroupArn: string,
  count: number,
): Promise<void> {
  await until(`${TargetGroupArn} has ${count} healthy targets`, async () => {
    const { TargetHealthDescriptions = [] } = await elbv2.describeTargetHealth({ TargetGroupArn })
    const states = TargetHealthDescriptions.map(({ TargetHealth }) => TargetHealth?.State)
    return states.filter(state => state !== 'draining').join() === Array(count).fill('healthy').join()
  })
}

/** Starts a deployment of this task definition and answers its id. */
export async function deploy(
  { codedeploy }: Pick<Clients, 'codedeploy'>,
  taskDefinition: string,
  {
    hooks = {},
    ...wishes
  }: { readonly hooks?: Readonly<Record<string, string>>; readonly [member: string]: unknown } = {},
): Promise<string> {
  const content = JSON.stringify({
    version: 0.0,
    Resources: [
      {
        TargetService: {
          Type: 'AWS::ECS::Service',
          Properties: {
            TaskDefinition: taskDefinition,
            LoadBalancerInfo: { ContainerName: 'shop', ContainerPort: servicePort },
          },
        },
      },
    ],
    Hooks: Object.entries(hooks).map(([event, name]) => ({ [event]: name })),
  })
  const { deploymentId } = await codedeploy.createDeployment({
    applicationName: application,
    deploymentGroupName: deploymentGroup,
    revision: { revisionType: 'AppSpecContent', appSpecContent: { content } },
    ...wishes,
  })
  return String(deploymentId)
}

/** Waits until the deployment has this status, or has ended, and answers how it is. */
export async function untilStatus(
  { codedeploy }: Pick<Clients, 'codedeploy'>,
  deploymentId: string,
  status: DeploymentInfo['status'],
  ms = 60_000,
): Promise<DeploymentInfo> {
  return await until(
    `${deploymentId} is ${status}`,
    async () => {
      const { deploymentInfo } = await codedeploy.getDeployment({ deploymentId })
      const is = deploymentInfo?.status ?? ''
      return is === status || ['Succeeded', 'Failed', 'Stopped'].includes(is) ? deploymentInfo : undefined
    },
    ms,
  )
}

/** Waits until this lifecycle event is under way or over. */
export async function untilEvent(
  { codedeploy }: Pick<Clients, 'codedeploy'>,
  deploymentId: string,
  event: string,
  status = 'Succeeded',
): Promise<void> {
  await until(`${event} of ${deploymentId} is ${status}`, async () => {
    const events = await eventsOf({ codedeploy }, deploymentId)
    return events.get(event)?.status === status
  })
}

/** Lifecycle events by name. */
export async function eventsOf({ codedeploy }: Pick<Clients, 'codedeploy'>, deploymentId: string) {
  const { deploymentTarget } = await codedeploy.getDeploymentTarget({ deploymentId, targetId: 'default:shop' })
  const events = deploymentTarget?.ecsTarget?.lifecycleEvents ?? []
  return new Map(events.map(event => [event.lifecycleEventName ?? '', event]))
}

/** The version that a new connection is greeted with; `refused`, `reset` or whatever else came instead. */
export function askTcp(host: string, port: number, localPort?: number): Promise<string> {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: 3_000, ...(localPort !== undefined && { localPort }) })
    let text = ''
    socket.on('data', data => (text += data))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('timeout', () => socket.destroy())
    socket.on('close', () => resolve(text.trim() || 'nothing'))
  })
}

/** The version that answers a datagram from a socket of its own; `nothing` after a second. */
export async function askUdp(host: string, port: number, localPort = 0): Promise<string> {
  const socket = createSocket('udp4')
  try {
    socket.bind(localPort)
    await once(socket, 'listening')
    socket.send('who', port, host)
    const [data] = await once(socket, 'message', { signal: AbortSignal.timeout(1_000) })
    return String(data).split(' ')[0] ?? ''
  } catch {
    return 'nothing'
  } finally {
    socket.close()
  }
}

/** A Sluice that runs tasks as processes, with all of `setUpBlueGreen`. */
export async function blueGreen(t: TestContext, wishes: Wishes & { readonly flags?: readonly string[] } = {}) {
  const { sluice, clients } = await startWithTasks(t, wishes.flags)
  return { sluice, clients, ...clients, ...(await setUpBlueGreen(clients, wishes)) }
}

/** A Sluice that runs tasks as processes. */
export async function startWithTasks(t: TestContext, flags: readonly string[] = []) {
  let stop: (() => Promise<unknown>) | undefined
  // Before Sluice is killed at the test's end: that would leave its tasks to the next one.
  t.after(() => stop?.())
  const sluice = await startSluice(t, { flags: ['--tasks', 'process', '--sysctl', ...flags] })
  stop = () => sluice.stop('SIGINT')
  return { sluice, clients: clientsOf(sluice.url) }
}
