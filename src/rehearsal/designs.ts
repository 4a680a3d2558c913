import { defaultNetwork } from '../domain/default-network.ts'
import { applyChanges, emptyState, type State } from '../domain/state.ts'
import { instant, type Timing } from '../domain/timing.ts'
import type { Api } from './api.ts'
import type { Subject } from './sides.ts'
import { account, openWorld, region } from './world.ts'

/** What can be rehearsed: a state as it has been for an hour, and what of it is deployed. */
export interface Scene {
  readonly name: string
  readonly title: string
  readonly state: State
  /** When the rehearsal begins, milliseconds since the epoch: nothing in the state is later. */
  readonly now: number
  readonly subject: Subject
  /** AWS's timing for its load balancer. */
  readonly awsTiming: Timing['profile']
  /** Where the deployment waits for ContinueDeployment: for so long, milliseconds, somebody looks at the new version first. */
  readonly lookMs: number
}

/** What the built-in designs differ in. */
interface Built {
  readonly title: string
  readonly type: 'application' | 'network'
  /** How long a task's own check takes until it passes. Once all tasks have passed it, listeners move (S2.3 and S2.4: at 140 and 160 s). */
  readonly checkSeconds: number
  /** Listeners that nobody uses, one for each group, so that neither is ever an orphan. */
  readonly dummies?: true
  /** Production's listener names both groups, one of them with weight 0. */
  readonly weighted?: true
  /** The deployment waits before production moves. */
  readonly lookMs?: number
}

const built = {
  alb: { title: 'ALB, no waiting time', type: 'application', checkSeconds: 75 },
  nlb: { title: 'NLB, no waiting time', type: 'network', checkSeconds: 95 },
  'nlb-wait': {
    title: 'NLB, five minutes of waiting before the move',
    type: 'network',
    checkSeconds: 95,
    lookMs: 300_000,
  },
  'nlb-dummy': { title: 'NLB, a dummy listener for each group', type: 'network', checkSeconds: 95, dummies: true },
  'nlb-weight0': {
    title: 'NLB, both groups in the listener, one with weight 0',
    type: 'network',
    checkSeconds: 95,
    weighted: true,
  },
} as const satisfies Readonly<Record<string, Built>>

export type DesignName = keyof typeof built

export const designNames = Object.keys(built) as readonly DesignName[]

const scenes = new Map<string, Promise<Scene>>()

/** A built-in design as the API's calls make it, up to its service's steady state. Made once for all rehearsals of a process. */
export function builtScene(name: DesignName): Promise<Scene> {
  return scenes.getOrInsertComputed(name, () => sceneOf(name, built[name]))
}

const cluster = 'default'
const service = 'shop'
const [productionPort, testPort, firstDummyPort] = [80, 8080, 9001]
/** Longer than it takes a load balancer at AWS to leave a target that goes (AWS's advice behind an NLB: 120 s at least). */
const deregistrationSeconds = 120
const longestStartMs = 1_800_000
const hourMs = 3_600_000

async function sceneOf(name: string, design: Built): Promise<Scene> {
  const state = applyChanges(emptyState, 1, defaultNetwork(account, region, true))
  const world = await openWorld({ state, now: Date.UTC(2026, 0, 1), timing: instant, seed: 0 })
  await setUp(world.api, state, design)
  const end = world.clock.now() + longestStartMs
  const isSteady = () =>
    world.store
      .read()
      .taskSets.values()
      .every(({ stabilityStatus }) => stabilityStatus === 'STEADY_STATE')
  while (!isSteady() && world.clock.now() < end) await world.clock.advance(1_000)
  if (!isSteady()) throw new Error(`the design ${name} does not come up`)
  const scene: Scene = {
    name,
    title: design.title,
    state: world.store.read(),
    now: world.clock.now() + hourMs,
    subject: { kind: 'deployment group', key: `${service}/${service}` },
    awsTiming: design.type === 'network' ? 'aws-nlb' : 'aws-alb',
    lookMs: design.lookMs ?? 0,
  }
  await world.close()
  return scene
}

async function setUp({ elbv2, ecs, codedeploy }: Api, state: State, design: Built): Promise<void> {
  const isNetwork = design.type === 'network'
  const { LoadBalancers = [] } = await elbv2.createLoadBalancer({
    Name: service,
    Type: design.type,
    Subnets: [...state.subnets.keys()],
  })
  const LoadBalancerArn = LoadBalancers[0]?.LoadBalancerArn
  const Protocol = isNetwork ? 'TCP' : 'HTTP'
  const group = async (colour: string) => {
    const VpcId = state.vpcs.keys().next().value
    const { TargetGroups = [] } = await elbv2.createTargetGroup({
      Name: colour,
      Protocol,
      Port: 8000,
      VpcId,
      TargetType: 'ip',
    })
    const TargetGroupArn = String(TargetGroups[0]?.TargetGroupArn)
    const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: String(deregistrationSeconds) }]
    await elbv2.modifyTargetGroupAttributes({ TargetGroupArn, Attributes })
    return TargetGroupArn
  }
  const [blue, green] = [await group('blue'), await group('green')]
  const listener = async (Port: number, weights: Readonly<Record<string, number>>) => {
    const TargetGroups = Object.entries(weights).map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight }))
    const DefaultActions = [{ Type: 'forward' as const, ForwardConfig: { TargetGroups } }]
    const { Listeners = [] } = await elbv2.createListener({ LoadBalancerArn, Protocol, Port, DefaultActions })
    return String(Listeners[0]?.ListenerArn)
  }
  const both = { [blue]: 1, ...(design.weighted && { [green]: 0 }) }
  const [production, test] = [await listener(productionPort, both), await listener(testPort, { [blue]: 1 })]
  if (design.dummies) for (const [i, arn] of [blue, green].entries()) await listener(firstDummyPort + i, { [arn]: 1 })

  const { taskDefinition } = await ecs.registerTaskDefinition({
    family: service,
    containerDefinitions: [
      {
        name: service,
        image: service,
        portMappings: [{ containerPort: 8000 }],
        healthCheck: { command: ['CMD', 'check'], interval: design.checkSeconds },
      },
    ],
  })
  await ecs.createCluster({ clusterName: cluster })
  await ecs.createService({
    serviceName: service,
    taskDefinition: taskDefinition?.taskDefinitionArn,
    desiredCount: 2,
    deploymentController: { type: 'CODE_DEPLOY' },
    loadBalancers: [{ targetGroupArn: blue, containerName: service, containerPort: 8000 }],
  })
  await codedeploy.createApplication({ applicationName: service, computePlatform: 'ECS' })
  await codedeploy.createDeploymentGroup({
    applicationName: service,
    deploymentGroupName: service,
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    serviceRoleArn: `arn:aws:iam::${account}:role/deploy`,
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    ecsServices: [{ clusterName: cluster, serviceName: service }],
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
      deploymentReadyOption:
        design.lookMs === undefined
          ? { actionOnTimeout: 'CONTINUE_DEPLOYMENT' }
          : { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 60 },
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 60 },
    },
  })
}
