/** A service in two colours behind a load balancer, which CodeDeploy deploys: what the stories of S2 have in common. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CodeDeploy, type DeploymentInfo } from '@aws-sdk/client-codedeploy'
import { EC2 } from '@aws-sdk/client-ec2'
import { ECS } from '@aws-sdk/client-ecs'
import { type Action, ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'
import { outlasting } from './outlasting.ts'
import { startSluice, until } from './sluice.ts'

/** With HTTP it is an Application Load Balancer. */
type Protocol = 'TCP' | 'UDP' | 'TCP_UDP' | 'HTTP'

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
  /** Listeners' ARNs; their ports are `productionPort` and `testPort`, or `webPort` and `webTestPort`. */
  readonly production: string
  readonly test: string
  /** ARNs of the groups, blue and green; both listeners forward to blue. */
  readonly groups: readonly [string, string]
}

/** Names of everything that `setUpBlueGreen` made; the first task set is in blue. */
export interface BlueGreen extends Balancer {
  readonly service: string
}

export const productionPort = 8443
export const testPort = 9443
export const webPort = 8080
export const webTestPort = 9080
export const servicePort = 7000

/** What service, load balancer, application and deployment group are called: `web` behind an Application Load Balancer. */
export type Name = 'shop' | 'web'
export const application = 'shop'
export const deploymentGroup = 'shop'
/** Names of both services' target groups, blue and green. */
const groupNames = { shop: ['blue', 'green'], web: ['web-blue', 'web-green'] } as const

/**
 * A load balancer's address follows from its subnet and name. Without root the machine's 127.0.0.0/8 is everybody's, and two test
 * files must not meet there.
 */
const ownSubnet = `10.${process.pid & 255}.${(process.pid >> 8) & 255}.0/24`

/** What every task runs. */
export const program = join(import.meta.dirname, '../../bench/stage/versioned.ts')
/** Those of `web`. */
const webProgram = join(import.meta.dirname, '../../bench/stage/versioned-web.ts')

export function clientsOf(endpoint: string): Clients {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const configuration = { endpoint, region: 'us-east-1', credentials, retryStrategy: outlasting }
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
  name: Name = 'shop',
): Promise<string> {
  const { taskDefinition } = await ecs.registerTaskDefinition({
    family: name,
    containerDefinitions: [
      {
        name: 'shop',
        image: `shop:${version}`,
        entryPoint: [process.execPath, name === 'web' ? webProgram : program],
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
  /** With HTTP: both listeners answer 404, and have a rule for each of these paths instead. */
  readonly paths?: readonly string[]
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
  const { protocol = 'TCP_UDP', paths = [], delay = 1, subnetCidr = ownSubnet } = wishes
  const isWeb = protocol === 'HTTP'
  const name = nameFor(protocol)
  const { Vpc } = await ec2.createVpc({ CidrBlock: subnetCidr.replace(/\d+\.\d+\/24$/, '0.0/16') })
  const VpcId = Vpc?.VpcId
  const subnet = async (CidrBlock: string, AvailabilityZone: string) => {
    const { Subnet } = await ec2.createSubnet({ VpcId, CidrBlock, AvailabilityZone })
    return String(Subnet?.SubnetId)
  }
  const Subnets = [await subnet(subnetCidr, 'local-1a')]
  const SecurityGroups: string[] = []
  if (isWeb) {
    Subnets.push(
      await subnet(
        subnetCidr.replace(/\d+(?=\.0\/24$)/, third => String(Number(third) ^ 1)),
        'local-1b',
      ),
    )
    const { GroupId = '' } = await ec2.createSecurityGroup({ GroupName: name, Description: 'everyone', VpcId })
    const everyone = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }
    await ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [everyone] })
    SecurityGroups.push(GroupId)
  }
  const { LoadBalancers = [] } = await elbv2.createLoadBalancer({
    Name: name,
    Type: isWeb ? 'application' : 'network',
    Subnets,
    ...(isWeb && { SecurityGroups }),
  })
  const LoadBalancerArn = String(LoadBalancers[0]?.LoadBalancerArn)
  const group = async (Name: string) => {
    const { TargetGroups = [] } = await elbv2.createTargetGroup({
      Name,
      Protocol: protocol,
      Port: servicePort,
      VpcId,
      TargetType: 'ip',
      HealthCheckProtocol: isWeb ? 'HTTP' : 'TCP',
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
  const [blue, green] = groupNames[name]
  const groups = [await group(blue), await group(green)] as const
  const toBlue: Action = { Type: 'forward', TargetGroupArn: groups[0] }
  const notFound: Action = { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }
  const listener = async (Port: number) => {
    const { Listeners = [] } = await elbv2.createListener({
      LoadBalancerArn,
      Protocol: protocol,
      Port,
      DefaultActions: [paths.length > 0 ? notFound : toBlue],
    })
    const ListenerArn = String(Listeners[0]?.ListenerArn)
    for (const [n, path] of paths.entries())
      await elbv2.createRule({
        ListenerArn,
        Priority: n + 1,
        Conditions: [{ Field: 'path-pattern', Values: [path] }],
        Actions: [toBlue],
      })
    return ListenerArn
  }
  const [production, test] = isWeb
    ? [await listener(webPort), await listener(webTestPort)]
    : [await listener(productionPort), await listener(testPort)]
  const { NetworkInterfaces = [] } = await ec2.describeNetworkInterfaces({})
  const prefix = `ELB ${isWeb ? 'app' : 'net'}/${name}/`
  const own = NetworkInterfaces.find(({ Description = '' }) => Description.startsWith(prefix))
  return { address: String(own?.PrivateIpAddress), production, test, groups }
}

function nameFor(protocol: Protocol | undefined): Name {
  return protocol === 'HTTP' ? 'web' : 'shop'
}

/** `setUpBalancer`, the service with version `v1` on blue, and the deployment group; all healthy. */
export async function setUpBlueGreen(clients: Clients, wishes: Wishes = {}): Promise<BlueGreen> {
  const { ecs, codedeploy } = clients
  const { desiredCount = 2 } = wishes
  const name = nameFor(wishes.protocol)
  const balancer = await setUpBalancer(clients, wishes)
  const { groups, production, test } = balancer
  const taskDefinition = await registerVersion(clients, 'v1', wishes.environment, name)
  const { service } = await ecs.createService({
    serviceName: name,
    taskDefinition,
    desiredCount,
    deploymentController: { type: 'CODE_DEPLOY' },
    loadBalancers: [{ targetGroupArn: groups[0], containerName: 'shop', containerPort: servicePort }],
  })
  await codedeploy.createApplication({ applicationName: name, computePlatform: 'ECS' })
  await codedeploy.createDeploymentGroup({
    applicationName: name,
    deploymentGroupName: name,
    serviceRoleArn: 'arn:aws:iam::000000000000:role/deploy',
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    ecsServices: [{ clusterName: 'default', serviceName: name }],
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: groupNames[name].map(its => ({ name: its })),
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
    name = 'shop',
    ...wishes
  }: {
    readonly hooks?: Readonly<Record<string, string>>
    readonly name?: Name
    readonly [member: string]: unknown
  } = {},
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
    applicationName: name,
    deploymentGroupName: name,
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
  name: Name = 'shop',
): Promise<void> {
  await until(`${event} of ${deploymentId} is ${status}`, async () => {
    const events = await eventsOf({ codedeploy }, deploymentId, name)
    return events.get(event)?.status === status
  })
}

/** Lifecycle events by name. */
export async function eventsOf({ codedeploy }: Pick<Clients, 'codedeploy'>, deploymentId: string, name: Name = 'shop') {
  const { deploymentTarget } = await codedeploy.getDeploymentTarget({ deploymentId, targetId: `default:${name}` })
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

/** What a request on a connection of its own is answered: the version, another status than 200, or why nothing came. */
export function askWeb(host: string, port: number, path = '/'): Promise<string> {
  return new Promise(resolve => {
    const request = http.get({ host, port, path, agent: false, timeout: 3_000 }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', text => (body += text))
      response.on('error', error => resolve(error.message))
      response.on('end', () => resolve(response.statusCode === 200 ? body.trim() : String(response.statusCode)))
    })
    request.on('timeout', () => request.destroy(new Error('nothing')))
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
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
