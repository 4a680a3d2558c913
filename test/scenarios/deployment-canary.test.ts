/** Canary, by the AWS CLI: the share of new flows that green has, on both engines. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { suite, type TestContext } from 'node:test'
import { application, deploy, deploymentGroup, productionPort, registerVersion, untilStatus } from './blue-green.ts'
import { stageByCli, storyByCli } from './by-cli.ts'
import { until } from './sluice.ts'

async function story(t: TestContext, flags: readonly string[]): Promise<void> {
  const { clients, codedeploy, address } = await stageByCli(t, { flags })
  await codedeploy.createDeploymentConfig({
    deploymentConfigName: 'tenth',
    computePlatform: 'ECS',
    trafficRoutingConfig: {
      type: 'TimeBasedCanary',
      timeBasedCanary: { canaryPercentage: 10, canaryInterval: 5 },
    },
  })
  await codedeploy.updateDeploymentGroup({
    applicationName: application,
    currentDeploymentGroupName: deploymentGroup,
    deploymentConfigName: 'tenth',
  })
  const id = await deploy({ codedeploy }, await registerVersion(clients, 'v2'))
  // Not by asking: flows that began before keep their target, and their ports may be taken again.
  await until('green has its share', async () => {
    const { deploymentTarget } = await clients.codedeploy.getDeploymentTarget({
      deploymentId: id,
      targetId: 'default:shop',
    })
    const { taskSetsInfo = [] } = deploymentTarget?.ecsTarget ?? {}
    return taskSetsInfo.some(({ taskSetLabel, trafficWeight }) => taskSetLabel === 'Green' && trafficWeight === 10)
  })
  const share = await shareOf(address, 10_000)
  assert.ok(Math.abs(share - 0.1) <= 0.015, `${(100 * share).toFixed(1)} % of 10,000 new flows`)
  await codedeploy.stopDeployment({ deploymentId: id, autoRollbackEnabled: true })
  await untilStatus(clients, id, 'Stopped')
  await until('no flow is on green any more', async () => (await shareOf(address, 500)) === 0)
}

/** Of so many new UDP flows, the share that v2 answers. Every one must be answered. */
async function shareOf(address: string, flows: number): Promise<number> {
  let green = 0
  for (let begun = 0; begun < flows; begun += 250) {
    const answers = await Promise.all(Array.from({ length: Math.min(250, flows - begun) }, () => ask(address)))
    green += answers.filter(version => version === 'v2').length
  }
  return green / flows
}

function ask(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => reject(new Error('a datagram was not answered for 5 s')), 5_000)
    socket.on('message', data => {
      clearTimeout(timer)
      socket.close()
      resolve(String(data).split(' ')[0] ?? '')
    })
    socket.send('who', productionPort, address)
  })
}

suite('a canary of 10 per cent has 10 per cent of the new flows, and none after its rollback', () => {
  storyByCli('userspace', t => story(t, ['--no-kernel']))
  storyByCli('in the kernel, where it may be used', t => story(t, []))
})
