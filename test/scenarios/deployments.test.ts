/** Deployments and rollbacks behind a Network Load Balancer, by the AWS CLI, with real processes as tasks (S2.1, S2.2). */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext } from 'node:test'
import {
  application,
  askTcp,
  askUdp,
  deploy,
  deploymentGroup,
  eventsOf,
  productionPort,
  registerVersion,
  testPort,
  untilEvent,
  untilStatus,
} from './blue-green.ts'
import { type Stage, stageByCli, storyByCli } from './by-cli.ts'
import { temporaryDirectory, until } from './sluice.ts'

/** What both listeners answer, TCP and UDP. */
async function answers({ address }: Stage): Promise<Record<'production' | 'test', string>> {
  const of = async (port: number) => `${await askTcp(address, port)} ${await askUdp(address, port)}`
  return { production: await of(productionPort), test: await of(testPort) }
}

async function readyOption(
  { codedeploy }: Stage,
  actionOnTimeout: 'STOP_DEPLOYMENT' | 'CONTINUE_DEPLOYMENT',
  termination = 0,
) {
  const waiting = actionOnTimeout === 'STOP_DEPLOYMENT' ? { waitTimeInMinutes: 5 } : {}
  await codedeploy.updateDeploymentGroup({
    applicationName: application,
    currentDeploymentGroupName: deploymentGroup,
    blueGreenDeploymentConfiguration: {
      deploymentReadyOption: { actionOnTimeout, ...waiting },
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: termination },
    },
  })
}

/** Stops the deployment with a rollback, and waits until it is over. */
async function stopAndRollBack({ codedeploy, clients }: Stage, deploymentId: string) {
  await codedeploy.stopDeployment({ deploymentId, autoRollbackEnabled: true })
  return await untilStatus(clients, deploymentId, 'Stopped')
}

/** A UDP client that keeps its socket. */
async function pinned(t: TestContext, { address }: Stage) {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  const ask = async (): Promise<string> => {
    socket.send('who', productionPort, address)
    const [data] = await once(socket, 'message', { signal: AbortSignal.timeout(1_000) }).catch(() => ['nothing'])
    return String(data).split(' ')[0] ?? ''
  }
  await ask()
  return ask
}

suite('deployments', () => {
  storyByCli('S2.1: green is tried on the test listener first, then production moves, then blue goes', async t => {
    const stage = await stageByCli(t)
    const { clients, codedeploy, ecs } = stage
    assert.deepEqual(await answers(stage), { production: 'v1 v1', test: 'v1 v1' })
    await readyOption(stage, 'STOP_DEPLOYMENT')
    const id = await deploy(stage, await registerVersion(clients, 'v2'))
    await untilStatus(clients, id, 'Ready')
    assert.deepEqual(await answers(stage), { production: 'v1 v1', test: 'v2 v2' })
    const ask = await pinned(t, stage)
    await codedeploy.continueDeployment({ deploymentId: id, deploymentWaitType: 'READY_WAIT' })
    await untilEvent(clients, id, 'AllowTraffic')
    assert.deepEqual(await answers(stage), { production: 'v2 v2', test: 'v2 v2' })
    // It looks every 15 s; the story goes on meanwhile.
    const successful = stage.wait('deploy', 'deployment-successful', { deploymentId: id })
    await untilStatus(clients, id, 'Succeeded')
    const { deploymentInfo } = await codedeploy.getDeployment({ deploymentId: id })
    assert.deepEqual([deploymentInfo?.status, deploymentInfo?.errorInformation], ['Succeeded', undefined])
    // Its flow was on blue, whose targets are deregistered past their delay by now.
    await until('the pinned flow is on green', async () => (await ask()) === 'v2')
    const { tasks = [] } = await ecs.describeTasks({
      tasks: (await ecs.listTasks({ serviceName: 'shop' })).taskArns ?? [],
    })
    assert.equal(tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length, 2)
    const events = [...(await eventsOf(clients, id)).values()]
    for (const { startTime, endTime, lifecycleEventName } of events)
      assert.ok(Number(endTime) >= Number(startTime), String(lifecycleEventName))

    // The next one goes from green to blue, at once.
    await readyOption(stage, 'CONTINUE_DEPLOYMENT')
    const next = await deploy(stage, await registerVersion(clients, 'v3'))
    await untilStatus(clients, next, 'Succeeded')
    assert.deepEqual(await answers(stage), { production: 'v3 v3', test: 'v3 v3' })
    await successful
  })

  storyByCli('S2.2: a rollback moves both listeners back to blue, which still serves', async t => {
    const stage = await stageByCli(t)
    const { clients, codedeploy } = stage
    await readyOption(stage, 'CONTINUE_DEPLOYMENT', 10)
    const id = await deploy(stage, await registerVersion(clients, 'v2'))
    await untilEvent(clients, id, 'AllowTraffic')
    assert.deepEqual(await answers(stage), { production: 'v2 v2', test: 'v2 v2' })
    await assert.rejects(deploy(stage, await registerVersion(clients, 'v3')), {
      code: 'DeploymentLimitExceededException',
    })
    const { status, rollbackInfo } = await stopAndRollBack(stage, id)
    assert.equal(status, 'Stopped')
    assert.deepEqual(await answers(stage), { production: 'v1 v1', test: 'v1 v1' })
    const rollback = await untilStatus(clients, String(rollbackInfo?.rollbackDeploymentId), 'Succeeded')
    assert.deepEqual([rollback.status, rollback.creator], ['Succeeded', 'codeDeployRollback'])

    // An alarm does the same.
    const { ecs, cloudwatch } = stage
    await cloudwatch.putMetricAlarm({
      AlarmName: 'shop-unhealthy',
      Namespace: 'AWS/NetworkELB',
      MetricName: 'UnHealthyHostCount',
      Dimensions: [{ Name: 'TargetGroup', Value: stage.groups[1].split(':').at(-1) }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1_000,
      ComparisonOperator: 'GreaterThanThreshold',
    })
    await codedeploy.updateDeploymentGroup({
      applicationName: application,
      currentDeploymentGroupName: deploymentGroup,
      alarmConfiguration: { enabled: true, alarms: [{ name: 'shop-unhealthy' }] },
      autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_FAILURE'] },
    })
    const alarmed = await deploy(stage, await registerVersion(clients, 'v4'))
    await untilEvent(clients, alarmed, 'AllowTraffic')
    assert.equal((await answers(stage)).production, 'v4 v4')
    await cloudwatch.setAlarmState({ AlarmName: 'shop-unhealthy', StateValue: 'ALARM', StateReason: 'tried' })
    const ended = await untilStatus(clients, alarmed, 'Stopped')
    assert.deepEqual([ended.status, ended.errorInformation?.code], ['Stopped', 'ALARM_ACTIVE'])
    assert.equal((await answers(stage)).production, 'v1 v1')
    await cloudwatch.setAlarmState({ AlarmName: 'shop-unhealthy', StateValue: 'OK', StateReason: 'tried' })

    // So do tasks that do not stay.
    const broken = await ecs.registerTaskDefinition({
      family: 'shop',
      containerDefinitions: [
        { name: 'shop', image: 'shop:broken', command: ['false'], portMappings: [{ containerPort: 7000 }] },
      ],
    })
    const failing = await deploy(stage, String(broken.taskDefinition?.taskDefinitionArn))
    const failed = await untilStatus(clients, failing, 'Failed')
    assert.equal(failed.status, 'Failed')
    assert.match(failed.errorInformation?.message ?? '', /\S/)
    assert.deepEqual(await answers(stage), { production: 'v1 v1', test: 'v1 v1' })
  })

  storyByCli('a hook that fails rolls back, and one that succeeds lets the deployment go on', async t => {
    const directory = temporaryDirectory(t)
    const verdict = join(directory, 'verdict')
    writeFileSync(verdict, 'exit 1\n')
    const stage = await stageByCli(t, { flags: ['--hook', `smoke=exec:. ${verdict}`] })
    const { clients, codedeploy } = stage
    await codedeploy.updateDeploymentGroup({
      applicationName: application,
      currentDeploymentGroupName: deploymentGroup,
      autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
    })
    const hooks = { AfterAllowTestTraffic: 'smoke' }
    const id = await deploy(stage, await registerVersion(clients, 'v2'), { hooks })
    const { status, errorInformation } = await untilStatus(clients, id, 'Failed')
    assert.deepEqual([status, errorInformation?.code], ['Failed', 'HOOK_EXECUTION_FAILURE'])
    assert.equal((await eventsOf(clients, id)).get('AfterAllowTestTraffic')?.status, 'Failed')
    assert.deepEqual(await answers(stage), { production: 'v1 v1', test: 'v1 v1' })
    writeFileSync(verdict, 'exit 0\n')
    const again = await deploy(stage, await registerVersion(clients, 'v2'), { hooks })
    assert.equal((await untilStatus(clients, again, 'Succeeded')).status, 'Succeeded')
    assert.deepEqual(await answers(stage), { production: 'v2 v2', test: 'v2 v2' })
  })
})
