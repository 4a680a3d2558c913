/** Deployments that ECS itself does with its strategies, real processes behind both types of load balancers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CloudWatch } from '@aws-sdk/client-cloudwatch'
import type { DeploymentConfiguration, ServiceDeployment, ServiceDeploymentStatus } from '@aws-sdk/client-ecs'
import {
  askTcp,
  askUdp,
  askWeb,
  type Clients,
  productionPort,
  registerVersion,
  testPort,
  webPort,
} from './blue-green.ts'
import { createService, ecsStage, inGroup, untilService } from './ecs-stage.ts'
import { keepAsking } from './keep-asking.ts'
import { until } from './sluice.ts'

const blueGreen: DeploymentConfiguration = { strategy: 'BLUE_GREEN', bakeTimeInMinutes: 0, lifecycleHooks: [] }
const roleArn = 'arn:aws:iam::000000000000:role/ecs'

/** The service's newest deployment. */
async function newest({ ecs }: Pick<Clients, 'ecs'>): Promise<ServiceDeployment> {
  const { serviceDeployments = [] } = await ecs.listServiceDeployments({ service: 'shop' })
  const serviceDeploymentArns = [String(serviceDeployments[0]?.serviceDeploymentArn)]
  const described = await ecs.describeServiceDeployments({ serviceDeploymentArns })
  return described.serviceDeployments![0]!
}

/** Waits until the newest deployment is over, and this is how. */
async function untilOver(clients: Pick<Clients, 'ecs'>, status: ServiceDeploymentStatus): Promise<ServiceDeployment> {
  const over = ['SUCCESSFUL', 'STOPPED', 'ROLLBACK_SUCCESSFUL', 'ROLLBACK_FAILED']
  const its = await until(`the deployment is ${status}`, async () => {
    const its = await newest(clients)
    return over.includes(String(its.status)) ? its : undefined
  })
  assert.equal(its.status, status, String(its.statusReason))
  return its
}

/** Waits until a hook pauses the newest deployment, and answers what lets it go on. */
async function untilPaused({ ecs }: Pick<Clients, 'ecs'>): Promise<() => Promise<unknown>> {
  return await until('a hook pauses the deployment', async () => {
    const { serviceDeploymentArn, lifecycleHookDetails = [] } = await newest({ ecs })
    const hookId = lifecycleHookDetails.find(({ status }) => status === 'AWAITING_ACTION')?.hookId
    if (hookId === undefined) return undefined
    return () => ecs.continueServiceDeployment({ serviceDeploymentArn: String(serviceDeploymentArn), hookId })
  })
}

test('behind an ALB by rules: BLUE_GREEN with a pause, LINEAR that is stopped, CANARY whose hook fails, an alarm in the bake time', async t => {
  const flags = ['--hook', 'check=exec:echo no login; false']
  const stage = await ecsStage(t, flags, { protocol: 'HTTP' })
  const { clients, ecs, elbv2, address, groups, production: ListenerArn } = stage
  const [blue, green] = groups
  const { Rules: standing = [] } = await elbv2.describeRules({ ListenerArn })
  const { Rules: made = [] } = await elbv2.createRule({
    ListenerArn,
    Priority: 1,
    Conditions: [{ Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'x-test', Values: ['1'] } }],
    Actions: [{ Type: 'forward', TargetGroupArn: green }],
  })
  const ask = () => askWeb(address, webPort)
  const askTest = async () => {
    const response = await fetch(`http://${address}:${webPort}/`, { headers: { 'x-test': '1' } })
    return (await response.text()).trim()
  }
  const version = (name: string) => registerVersion(clients, name, {}, 'web')
  const update = async (name: string, deploymentConfiguration: DeploymentConfiguration) =>
    ecs.updateService({ service: 'shop', taskDefinition: await version(name), deploymentConfiguration })
  const pauseAt = (stage: 'POST_TEST_TRAFFIC_SHIFT' | 'PRE_PRODUCTION_TRAFFIC_SHIFT') => ({
    lifecycleHooks: [{ targetType: 'PAUSE' as const, lifecycleStages: [stage] }],
  })

  const advancedConfiguration = {
    alternateTargetGroupArn: green,
    productionListenerRule: String(standing[0]?.RuleArn),
    testListenerRule: String(made[0]?.RuleArn),
    roleArn,
  }
  /** Of 400 requests. */
  const shareOf = async (version: string) => {
    const answers = await Promise.all(Array.from({ length: 400 }, () => ask()))
    return answers.filter(answer => answer === version).length
  }
  await createService(clients, {
    taskDefinition: await version('v1'),
    deploymentConfiguration: blueGreen,
    loadBalancers: [{ ...inGroup(blue), advancedConfiguration }],
  })
  await untilOver(clients, 'SUCCESSFUL')
  assert.deepEqual([await ask(), await askTest()], ['v1', 'v1'])
  const stop = keepAsking(t, { production: ask })

  await update('v2', { ...blueGreen, ...pauseAt('POST_TEST_TRAFFIC_SHIFT') })
  const goOn = await untilPaused(clients)
  assert.deepEqual([await ask(), await askTest()], ['v1', 'v2'])
  await goOn()
  await untilOver(clients, 'SUCCESSFUL')
  assert.deepEqual([await ask(), await askTest()], ['v2', 'v2'])
  await untilService(clients, 'v2 is all there is', ({ deployments = [] }) => deployments.length === 1)

  const linearConfiguration = { stepPercent: 50, stepBakeTimeInMinutes: 0 }
  const linear = { strategy: 'LINEAR', linearConfiguration, ...pauseAt('PRE_PRODUCTION_TRAFFIC_SHIFT') } as const
  await update('v3', linear)
  await (await untilPaused(clients))()
  await untilPaused(clients)
  const half = await shareOf('v3')
  assert.ok(half > 140 && half < 260, `${half} of 400`)
  const { serviceDeploymentArn } = await newest(clients)
  await ecs.stopServiceDeployment({ serviceDeploymentArn: String(serviceDeploymentArn) })
  await untilOver(clients, 'ROLLBACK_SUCCESSFUL')
  assert.equal(await ask(), 'v2')

  const check = { hookTargetArn: 'arn:aws:lambda:us-east-1:000000000000:function:check', roleArn }
  await update('v4', {
    strategy: 'CANARY',
    canaryConfiguration: { canaryPercent: 12.5, canaryBakeTimeInMinutes: 0 },
    lifecycleHooks: [
      ...pauseAt('PRE_PRODUCTION_TRAFFIC_SHIFT').lifecycleHooks,
      { ...check, lifecycleStages: ['POST_PRODUCTION_TRAFFIC_SHIFT'] },
    ],
  })
  await (await untilPaused(clients))()
  const goOnToAll = await untilPaused(clients)
  const eighth = await shareOf('v4')
  assert.ok(eighth > 15 && eighth < 90, `${eighth} of 400`)
  await goOnToAll()
  const { rollback } = await untilOver(clients, 'ROLLBACK_SUCCESSFUL')
  assert.match(String(rollback?.reason), /check of POST_PRODUCTION_TRAFFIC_SHIFT failed: .*no login/)

  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const cloudwatch = new CloudWatch({ endpoint: stage.sluice.url, region: 'us-east-1', credentials })
  await cloudwatch.putMetricAlarm({
    AlarmName: 'latency',
    Namespace: 'AWS/ApplicationELB',
    MetricName: 'RequestCount',
    Statistic: 'Sum',
    Period: 60,
    EvaluationPeriods: 10,
    Threshold: 1e9,
    ComparisonOperator: 'GreaterThanThreshold',
  })
  const alarms = { alarmNames: ['latency'], enable: true, rollback: true }
  await update('v5', { ...blueGreen, bakeTimeInMinutes: 1, alarms })
  await until('it bakes', async () => (await newest(clients)).lifecycleStage === 'BAKE_TIME')
  assert.equal(await ask(), 'v5')
  await cloudwatch.setAlarmState({ AlarmName: 'latency', StateValue: 'ALARM', StateReason: 'a test' })
  await untilOver(clients, 'ROLLBACK_SUCCESSFUL')
  assert.equal(await ask(), 'v2')
  // It says so where workers were late, and refused what came meanwhile.
  assert.deepEqual(await stop(), [], stage.sluice.output())
})

test('behind an NLB: BLUE_GREEN loses no flow, also where the control process is killed in its midst', async t => {
  const stage = await ecsStage(t)
  const { clients, ecs, sluice, address, groups, production, test: testing } = stage
  const advancedConfiguration = {
    alternateTargetGroupArn: groups[1],
    productionListenerRule: production,
    testListenerRule: testing,
    roleArn,
  }
  const lifecycleHooks = [{ targetType: 'PAUSE' as const, lifecycleStages: ['POST_TEST_TRAFFIC_SHIFT' as const] }]
  await createService(clients, {
    taskDefinition: await registerVersion(clients, 'v1'),
    deploymentConfiguration: { ...blueGreen, lifecycleHooks },
    loadBalancers: [{ ...inGroup(groups[0]), advancedConfiguration }],
  })
  await untilOver(clients, 'SUCCESSFUL')
  const load = await stage.ask()
  await ecs.updateService({ service: 'shop', taskDefinition: await registerVersion(clients, 'v2') })
  const goOn = await untilPaused(clients)
  assert.deepEqual([await askTcp(address, productionPort), await askTcp(address, testPort)], ['v1', 'v2'])
  const [underWay] = (await sluice.status()).deployments
  assert.match(String(underWay?.waitsFor), /^aws ecs continue-service-deployment .* --hook-id ecs-pause-\S+$/)
  for (const pid of sluice.pids('control')) process.kill(pid, 'SIGKILL')
  await until('the API is back', goOn)
  await untilOver(clients, 'SUCCESSFUL')
  assert.deepEqual([await askTcp(address, productionPort), await askUdp(address, productionPort)], ['v2', 'v2'])
  assert.equal((await load.end()).failed, '')
})
