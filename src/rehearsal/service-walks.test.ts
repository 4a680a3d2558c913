/** A service that ECS deploys itself and users who do what they please: the real API, scheduler, deployments and loop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeploymentConfiguration, DeploymentLifecycleHook } from '@aws-sdk/client-ecs'
import { defaultNetwork } from '../domain/default-network.ts'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { isFinal, serviceDeploymentsOf } from '../domain/service-deployment.ts'
import { applyChanges, emptyState } from '../domain/state.ts'
import { instant } from '../domain/timing.ts'
import { answerOf } from './clients.ts'
import { account, openWorld, region } from './world.ts'

const service = 'shop'
const role = 'arn:aws:iam::000000000000:role/ecs'

const walks = 8
test(`${walks} walks of updates, stops, continues and scalings lose nobody, and end with one version that has all traffic`, async t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  for (let walk = 0; walk < walks; walk++) await randomWalk(seed + walk)
})

async function randomWalk(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const one = <T>(of: readonly T[]) => of[random(of.length)]!
  const state = applyChanges(emptyState, 1, defaultNetwork(account, region, true))
  const world = await openWorld({ state, now: Date.UTC(2026, 0, 1), timing: instant, seed })
  const { clock, node, store, tasks, api } = world
  const { ecs } = api
  const { blue, green, listenerArn, loadBalancers } = await setUp(api, [...state.subnets.keys()], random(2) === 0)
  const log: string[] = []
  const explain = () => `seed ${seed}\n${log.join('\n')}`
  const newest = () => serviceDeploymentsOf(store.read(), [...store.read().services.keys()][0]!)[0]!

  const route = { role: 'production', port: 80, listenerArn, arn: listenerArn } as const
  const pass = async (seconds: number, step = 1) => {
    for (let i = 0; i < seconds; i += step) {
      await clock.advance(1_000 * step)
      const { detail, state } = answerOf(
        node.snapshot,
        store.read(),
        { blue, green, routes: [route] },
        route,
        address => tasks.answers(address),
      )
      assert.ok(state !== 'nothing', `${detail ?? 'all lost'}, ${explain()}`)
    }
  }
  const settings = (): DeploymentConfiguration => {
    const pause: DeploymentLifecycleHook = {
      targetType: 'PAUSE',
      lifecycleStages: [one(['PRE_SCALE_UP', 'POST_SCALE_UP', 'PRE_PRODUCTION_TRAFFIC_SHIFT'])],
      timeoutConfiguration: { timeoutInMinutes: 20, action: one(['CONTINUE', 'ROLLBACK']) },
    }
    return {
      bakeTimeInMinutes: random(3),
      lifecycleHooks: random(2) === 0 ? [pause] : [],
      ...one<DeploymentConfiguration>([
        { strategy: 'BLUE_GREEN' },
        { strategy: 'LINEAR', linearConfiguration: { stepPercent: 33.3, stepBakeTimeInMinutes: random(2) } },
        { strategy: 'CANARY', canaryConfiguration: { canaryPercent: 0.1, canaryBakeTimeInMinutes: random(2) } },
      ]),
    }
  }
  const happenings: readonly (() => Promise<unknown>)[] = [
    async () => ecs.updateService({ service, taskDefinition: await version(api), deploymentConfiguration: settings() }),
    () => ecs.updateService({ service, forceNewDeployment: true, deploymentConfiguration: settings() }),
    () => ecs.updateService({ service, desiredCount: 1 + random(3) }),
    async () => isFinal(newest()) || ecs.stopServiceDeployment({ serviceDeploymentArn: newest().arn }),
    async () => {
      for (const { id, status } of newest().hookRuns)
        if (status === 'AWAITING_ACTION')
          await ecs.continueServiceDeployment({
            serviceDeploymentArn: newest().arn,
            hookId: id,
            action: one(['CONTINUE', 'CONTINUE', 'ROLLBACK']),
          })
    },
  ]

  await ecs.createService({
    serviceName: service,
    taskDefinition: await version(api),
    desiredCount: 2,
    deploymentConfiguration: { strategy: 'BLUE_GREEN', bakeTimeInMinutes: 0 },
    loadBalancers,
  })
  await clock.advance(300_000)
  for (let i = 0; i < 20; i++) {
    const which = random(happenings.length)
    log.push(`${clock.now()} ${which} ${newest().status}`)
    await happenings[which]!()
    await pass(one([0, 2, 30, 90, 150]))
  }
  // Pauses of a deployment and of the one that waited for it, both versions' starts, baking and draining.
  await pass(3 * 3_600, 60)
  assert.ok(store.read().serviceDeployments.values().every(isFinal), explain())
  const [primary, ...others] = store.read().taskSets.values()
  assert.deepEqual(others, [], explain())
  const { taskDefinitionArn, loadBalancers: [inGroup] = [] } = primary!
  const [its] = store.read().services.values()
  assert.equal(its!.taskDefinitionArn, taskDefinitionArn, explain())
  const taken = store
    .read()
    .listeners.get(listenerArn)!
    .forward.filter(({ weight }) => weight > 0)
  assert.deepEqual([taken[0]!.targetGroupArn, taken.length], [inGroup!.targetGroupArn, 1], explain())
  assert.equal(world.fault, undefined)
  await world.close()
}

type Api = Awaited<ReturnType<typeof openWorld>>['api']

/** A load balancer with a listener that names both groups. */
async function setUp({ elbv2 }: Api, Subnets: string[], isNetwork: boolean) {
  const Protocol = isNetwork ? 'TCP' : 'HTTP'
  const Type = isNetwork ? 'network' : 'application'
  const { LoadBalancers = [] } = await elbv2.createLoadBalancer({ Name: service, Type, Subnets })
  const { LoadBalancerArn, VpcId } = LoadBalancers[0]!
  const group = async (Name: string) => {
    const wishes = { Name, Protocol, Port: 8000, VpcId, TargetType: 'ip', HealthCheckIntervalSeconds: 5 } as const
    return String((await elbv2.createTargetGroup(wishes)).TargetGroups?.[0]?.TargetGroupArn)
  }
  const [blue, green] = [await group('blue'), await group('green')]
  const TargetGroups = [blue, green].map((TargetGroupArn, i) => ({ TargetGroupArn, Weight: 1 - i }))
  const DefaultActions = [{ Type: 'forward', ForwardConfig: { TargetGroups } }] as const
  const { Listeners = [] } = await elbv2.createListener({
    LoadBalancerArn,
    Protocol,
    Port: 80,
    DefaultActions: [...DefaultActions],
  })
  const listenerArn = String(Listeners[0]?.ListenerArn)
  const { Rules = [] } = isNetwork ? {} : await elbv2.describeRules({ ListenerArn: listenerArn })
  const productionListenerRule = Rules[0]?.RuleArn ?? listenerArn
  const advancedConfiguration = { alternateTargetGroupArn: green, productionListenerRule, roleArn: role }
  const loadBalancers = [{ targetGroupArn: blue, containerName: 'web', containerPort: 8000, advancedConfiguration }]
  return { blue, green, listenerArn, loadBalancers }
}

async function version({ ecs }: Api): Promise<string> {
  const web = { name: 'web', image: 'web', portMappings: [{ containerPort: 8000 }] }
  const { taskDefinition } = await ecs.registerTaskDefinition({ family: service, containerDefinitions: [web] })
  return String(taskDefinition?.taskDefinitionArn)
}
