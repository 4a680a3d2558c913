import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges, type State } from '../domain/state.ts'
import { instant, type Timing } from '../domain/timing.ts'
import { builtScene, type Scene } from './designs.ts'
import { missedBy } from './figures.ts'
import { liveScenes } from './live.ts'
import { rehearse } from './rehearse.ts'
import { rehearseMany } from './runs.ts'
import { openWorld } from './world.ts'

const nlb = await builtScene('nlb')
const awsNlb = (seed: number): Timing => ({ profile: 'aws-nlb', scale: 1, seed })

test('the same seed gives the same timeline to the byte, and another one another', async () => {
  const [once, again, other] = [
    await rehearse(nlb, awsNlb(7)),
    await rehearse(nlb, awsNlb(7)),
    await rehearse(nlb, awsNlb(8)),
  ]
  assert.equal(JSON.stringify(again), JSON.stringify(once))
  assert.notDeepEqual(other.moments, once.moments)
})

test('many runs on all cores are what each of their seeds gives alone', async () => {
  const runs = await rehearseMany(nlb, awsNlb(100), 60)
  assert.deepEqual(
    runs.map(({ seed }) => seed),
    Array.from({ length: 60 }, (_, i) => 100 + i),
  )
  for (const { seed, deployment, rollback } of [runs[0]!, runs[59]!]) {
    const timeline = await rehearse(nlb, awsNlb(seed))
    const alone = [missedBy(timeline, 'production', 'deployment'), missedBy(timeline, 'production', 'rollback')]
    assert.deepEqual([deployment, rollback], alone)
  }
})

test('a design of a running server, with no task of it running, is rehearsed with both its groups as they are', async () => {
  const state = withoutTasks(nlb.state)
  const { scenes, refusals } = liveScenes(state, nlb.now)
  assert.deepEqual([scenes.map(({ name, awsTiming }) => `${name} ${awsTiming}`), refusals], [['shop aws-nlb'], []])
  const timeline = await rehearse(scenes[0]!, awsNlb(7))
  const dark = timeline.outages.filter(({ during }) => during === 'rollback').map(({ to, from }) => (to - from) / 1000)
  assert.equal(dark.length, 2)
  for (const seconds of dark) assert.ok(seconds >= 70 && seconds <= 80, String(seconds))
})

test('what stands against a deployment is told instead of rehearsed', () => {
  const listener = [...nlb.state.listeners.values()].find(({ port }) => port === 80)!
  const green = [...nlb.state.targetGroups.values()].find(({ name }) => name === 'green')!
  const value = { ...listener, forward: [{ targetGroupArn: green.arn, weight: 1 }] }
  const { scenes, refusals } = liveScenes(changed(nlb.state, { table: 'listeners', key: listener.arn, value }), nlb.now)
  assert.deepEqual(scenes, [])
  assert.match(
    refusals.join(),
    /^shop: The primary task set's target group blue must be all that listener .* forwards to/,
  )
})

test('a service without tasks, or whose listener or target group is gone, is told instead of rehearsed', async () => {
  const state = await withService()
  const [service] = [...state.services.values()].filter(({ name }) => name === 'web')
  const [primary] = [...state.taskSets.values()].filter(({ serviceArn }) => serviceArn === service!.arn)
  const { advanced } = primary!.loadBalancers[0]!
  const refusal = (...changes: Parameters<typeof changed>[1][]) => {
    const { refusals } = liveScenes(changed(state, ...changes), nlb.now)
    return refusals.find(refusal => refusal.startsWith('web: '))
  }
  const none = { table: 'taskSets', key: primary!.arn, value: { ...primary!, desiredCount: 0 } } as const
  assert.match(refusal(none)!, /to have no tasks: .* update-service --cluster default --service web --desired-count 1/)
  assert.match(refusal({ table: 'taskSets', key: primary!.arn })!, /has no tasks behind its load balancer yet/)
  assert.match(
    refusal({ table: 'listeners', key: advanced!.productionListenerRule })!,
    /production listener .* not exist/,
  )
  assert.match(refusal({ table: 'targetGroups', key: advanced!.alternateTargetGroupArn })!, /target group .* not exist/)
})

test('what a deployment is under way for is not rehearsed until that is over', async () => {
  const { scenes, refusals } = liveScenes(await underWay(), nlb.now)
  assert.deepEqual(scenes, [])
  assert.match(refusals.join(), /^shop: its deployment d-\w{9} is under way: rehearse again once that is over\.$/)
})

test('the rollback comes while there is something to go back to, and there is none where there never is', async () => {
  const state = await withService()
  const baked = async (bakeMinutes: number) => {
    const [service] = [...state.services.values()].filter(({ name }) => name === 'web')
    const value = { ...service!, deployment: { ...service!.deployment!, bakeMinutes } }
    const { scenes } = liveScenes(changed(state, { table: 'services', key: value.arn, value }), nlb.now)
    return rehearse(scenes.at(-1)!, instant)
  }
  const [soon, never] = [await baked(1), await baked(0)]
  const { answered = 0, rollback = 0, restored } = soon.moments
  assert.ok(rollback >= answered + 45_000 && rollback < answered + 60_000, String(rollback - answered))
  assert.deepEqual([restored, soon.events.at(-1)!.text.split(':')[0]], [rollback, 'ROLLBACK_SUCCESSFUL'])
  assert.deepEqual(
    [never.moments.rollback, never.events.at(-1)!.text],
    [undefined, 'SUCCESSFUL, too soon for a rollback'],
  )
})

test('a shift that takes hours is followed to its end', async () => {
  const [group] = nlb.state.deploymentGroups.values()
  const routing = { type: 'TimeBasedLinear', percentage: 10, intervalMinutes: 45 } as const
  const config = { id: 'slow', name: 'slow', routing, createdAt: nlb.now }
  const state = changed(
    nlb.state,
    { table: 'deploymentConfigs', key: 'slow', value: config },
    { table: 'deploymentGroups', key: 'shop/shop', value: { ...group!, deploymentConfigName: 'slow' } },
  )
  const { moments, events } = await rehearse({ ...nlb, state }, instant)
  assert.ok(moments.answered! > 6 * 3_600_000 && moments.restored! > moments.answered!)
  assert.match(events.at(-1)!.text, /^Stopped/)
})

test('a rehearsal changes nothing of its scene', async () => {
  const before = JSON.stringify([...nlb.state.targetGroups])
  await rehearse(nlb, awsNlb(3))
  assert.equal(JSON.stringify([...nlb.state.targetGroups]), before)
})

test('a service that shifts traffic by itself is rehearsed too: its hooks are answered, its pauses continued', async () => {
  const { scenes, refusals } = liveScenes(await withService(), nlb.now)
  assert.deepEqual([scenes.map(({ title }) => title).at(-1), refusals], ['service web, CANARY', []])
  const { moments, outages, events } = await rehearse(scenes.at(-1)!, { profile: 'instant', scale: 1, seed: 7 })
  const { moved = 0, answered, rollback, restored } = moments
  assert.ok(moved > 60_000 + 120_000, 'the canary comes first')
  assert.deepEqual([answered, rollback! >= moved + 120_000, restored, outages], [moved, true, rollback, []])
  assert.match(events.at(-1)!.text, /^ROLLBACK_SUCCESSFUL/)
})

/** The design in the middle of a deployment, when both versions run. */
async function underWay(): Promise<State> {
  const { api, store, clock, close } = await openWorld({ ...nlb, timing: instant, seed: 1 })
  const [group] = nlb.state.deploymentGroups.values()
  const [taskSet] = nlb.state.taskSets.values()
  const { containerName, containerPort } = taskSet!.loadBalancers[0]!
  const Properties = {
    TaskDefinition: taskSet!.taskDefinitionArn,
    LoadBalancerInfo: { ContainerName: containerName, ContainerPort: containerPort },
  }
  await api.codedeploy.createDeployment({
    applicationName: group!.applicationName,
    deploymentGroupName: group!.name,
    revision: {
      revisionType: 'AppSpecContent',
      appSpecContent: {
        content: JSON.stringify({
          version: 0,
          Resources: [{ TargetService: { Type: 'AWS::ECS::Service', Properties } }],
        }),
      },
    },
  })
  await clock.advance(200_000)
  await close()
  return store.read()
}

/** The design with a service of the controller ECS behind a listener of its own, as calls make it. */
async function withService(): Promise<State> {
  const { api, store, clock, close } = await openWorld({ ...nlb, timing: instant, seed: 1 })
  const { elbv2, ecs } = api
  const [balancer] = nlb.state.loadBalancers.values()
  const group = async (Name: string) => {
    const input = { Name, Protocol: 'TCP', Port: 8000, VpcId: balancer!.vpcId, TargetType: 'ip' } as const
    const { TargetGroups = [] } = await elbv2.createTargetGroup(input)
    return String(TargetGroups[0]?.TargetGroupArn)
  }
  const [one, two] = [await group('one'), await group('two')]
  const { Listeners = [] } = await elbv2.createListener({
    LoadBalancerArn: balancer!.arn,
    Protocol: 'TCP',
    Port: 81,
    DefaultActions: [
      {
        Type: 'forward',
        ForwardConfig: {
          TargetGroups: [
            { TargetGroupArn: one, Weight: 1 },
            { TargetGroupArn: two, Weight: 0 },
          ],
        },
      },
    ],
  })
  await ecs.createService({
    serviceName: 'web',
    taskDefinition: 'shop',
    desiredCount: 1,
    deploymentConfiguration: {
      strategy: 'CANARY',
      bakeTimeInMinutes: 5,
      canaryConfiguration: { canaryPercent: 10, canaryBakeTimeInMinutes: 2 },
      lifecycleHooks: [{ targetType: 'PAUSE', lifecycleStages: ['POST_SCALE_UP'] }],
    },
    loadBalancers: [
      {
        targetGroupArn: one,
        containerName: 'shop',
        containerPort: 8000,
        advancedConfiguration: {
          alternateTargetGroupArn: two,
          productionListenerRule: Listeners[0]?.ListenerArn,
          roleArn: 'arn:aws:iam::000000000000:role/ecs',
        },
      },
    ],
  })
  await clock.advance(300_000)
  await close()
  return store.read()
}

function withoutTasks(state: Scene['state']): State {
  const groups = [...state.targetGroups.values()]
  return changed(
    state,
    ...[...state.tasks.keys()].map(key => ({ table: 'tasks', key }) as const),
    ...groups.map(group => ({ table: 'targetGroups', key: group.arn, value: { ...group, targets: [] } }) as const),
  )
}

function changed(state: State, ...changes: Parameters<typeof applyChanges>[2][number][]): State {
  return applyChanges(state, state.revision + 1, changes)
}
