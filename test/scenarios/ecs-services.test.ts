/** Services that ECS rolls itself (the controller ECS), with real processes behind a Network Load Balancer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Service } from '@aws-sdk/client-ecs'
import { lacking } from '../lacking.ts'
import { askTcp, askUdp, productionPort, registerVersion, servicePort, untilHealthy } from './blue-green.ts'
import { cliDriver, cliWaiter } from './drivers.ts'
import { createService, ecsStage, untilService } from './ecs-stage.ts'
import { testOnEachEngine } from './engines.ts'
import { has, until } from './sluice.ts'

/** What `aws ecs wait services-stable` waits for. */
function isStable({ deployments = [], runningCount, desiredCount }: Service): boolean {
  return deployments.length === 1 && runningCount === desiredCount
}

/** The version that its only deployment runs, once that is complete. */
function completed({ deployments = [] }: Service): string | undefined {
  const [only, ...others] = deployments
  return others.length === 0 && only?.rolloutState === 'COMPLETED' ? only.taskDefinition : undefined
}

test('`aws ecs wait services-stable` ends when a rolling update is over', async t => {
  if (!has('aws')) return lacking(t, 'aws (Debian: awscli)')
  const stage = await ecsStage(t, ['--no-kernel'])
  const { clients, sluice, address, groups } = stage
  const [aws, wait] = [cliDriver(sluice.url), cliWaiter(sluice.url)]
  const taskDefinition = await registerVersion(clients, 'v1')
  await createService(clients, { taskDefinition }, groups[0])
  await untilService(clients, 'v1 runs', service => completed(service) === taskDefinition)
  const load = await stage.ask()
  const next = await registerVersion(clients, 'v2')
  const { service } = await aws('ecs', 'UpdateService', { service: 'shop', taskDefinition: next })
  assert.equal(service.deployments.length, 2)
  await wait('ecs', 'services-stable', { services: ['shop'] })
  const [described] = (await aws('ecs', 'DescribeServices', { services: ['shop'] })).services
  assert.ok(isStable(described))
  assert.equal(completed(described), next)
  assert.match(described.events[0].message, /deployment ecs-svc\/\d+\) deployment completed\.$/)
  assert.deepEqual([await askTcp(address, productionPort), await askUdp(address, productionPort)], ['v2', 'v2'])
  assert.equal((await load.end()).failed, '')
})

test('rolling update, circuit breaker and scaling lose no new flow; DeleteService ends all', async t => {
  const stage = await ecsStage(t)
  const { clients, ecs, elbv2, address, groups } = stage
  const blue = groups[0]
  const v1 = await registerVersion(clients, 'v1')
  const deploymentConfiguration = { deploymentCircuitBreaker: { enable: true, rollback: true } }
  await createService(clients, { taskDefinition: v1, deploymentConfiguration }, blue)
  await untilService(clients, 'v1 runs', service => completed(service) === v1)
  const load = await stage.ask()

  const v2 = await registerVersion(clients, 'v2')
  await ecs.updateService({ service: 'shop', taskDefinition: v2 })
  await untilService(clients, 'v2 has replaced v1', service => completed(service) === v2 && isStable(service))
  assert.equal(await askTcp(address, productionPort), 'v2')

  const broken = await ecs.registerTaskDefinition({
    family: 'shop',
    containerDefinitions: [
      { name: 'shop', image: 'shop:broken', command: ['false'], portMappings: [{ containerPort: servicePort }] },
    ],
  })
  await ecs.updateService({ service: 'shop', taskDefinition: String(broken.taskDefinition?.taskDefinitionArn) })
  const back = await untilService(
    clients,
    'the circuit breaker has rolled back',
    service => service.taskDefinition === v2 && completed(service) === v2,
  )
  const texts = back.events?.map(({ message = '' }) => message) ?? []
  for (const expected of [/deployment failed: tasks failed to start\.$/, /rolling back to deployment ecs-svc\/\d+\.$/])
    assert.ok(
      texts.some(text => expected.test(text)),
      `${expected}: ${texts.join('\n')}`,
    )

  await ecs.updateService({ service: 'shop', desiredCount: 4 })
  await untilHealthy(clients, blue, 4)
  await ecs.updateService({ service: 'shop', desiredCount: 1 })
  await untilHealthy(clients, blue, 1)
  await untilService(clients, 'one task is left', service => isStable(service) && service.runningCount === 1)
  const endured = await load.end()
  assert.equal(endured.failed, '')
  t.diagnostic(`datagrams of flows that stayed: ${JSON.stringify(endured.talk)}`)
  assert.deepEqual([...new Set(endured.flows.map(([, , , version]) => version))].sort(), ['v1', 'v2'])

  await assert.rejects(ecs.deleteService({ service: 'shop' }), { name: 'InvalidParameterException' })
  const { service } = await ecs.deleteService({ service: 'shop', force: true })
  assert.equal(service?.status, 'DRAINING')
  await untilService(clients, 'the service is gone', ({ status }) => status === 'INACTIVE')
  const { taskArns } = await ecs.listTasks({})
  assert.deepEqual(taskArns, [])
  await until('no target is left', async () => {
    const { TargetHealthDescriptions = [] } = await elbv2.describeTargetHealth({ TargetGroupArn: blue })
    return TargetHealthDescriptions.length === 0
  })
  await until('nobody answers', async () => (await askTcp(address, productionPort)) !== 'v2')
})

testOnEachEngine('a service that shrinks without a deregistration delay still answers', 0, async (t, { flags }) => {
  const stage = await ecsStage(t, flags, { delay: 0 })
  const { clients, ecs, address, groups } = stage
  const taskDefinition = await registerVersion(clients, 'v1', { SLOW: '400' })
  await createService(clients, { taskDefinition }, groups[0])
  await untilHealthy(clients, groups[0], 2)
  await until('it answers', async () => (await askUdp(address, productionPort)) === 'v1')
  const answers: Promise<string>[] = []
  const ask = async (count: number) => {
    for (let i = 0; i < count; i++) {
      answers.push(askUdp(address, productionPort))
      await pause(10)
    }
  }
  await ask(50)
  await Promise.all([ecs.updateService({ service: 'shop', desiredCount: 1 }), ask(300)])
  const lost = (await Promise.all(answers)).filter(version => version !== 'v1')
  assert.deepEqual(lost, [], `${lost.length} of ${answers.length}`)
  await untilService(clients, 'one task is left', service => isStable(service) && service.runningCount === 1)
})
