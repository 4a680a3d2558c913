/** What of a deployment takes minutes by its nature, all at once, by the AWS CLI. */
import assert from 'node:assert/strict'
import { suite } from 'node:test'
import { slackMs } from '../long.ts'
import {
  application,
  askTcp,
  deploy,
  deploymentGroup,
  eventsOf,
  productionPort,
  registerVersion,
  testPort,
  untilEvent,
  untilStatus,
} from './blue-green.ts'
import { stageByCli, storyByCli } from './by-cli.ts'

const minute = 60_000

/** A subnet of its own for each of several stages in one process. */
const subnetCidr = (n: number) => `10.${process.pid & 255}.${n}.0/24`

suite('minutes', { concurrency: true }, () => {
  storyByCli(
    'READY_WAIT that nobody ends within its minute stops the deployment and puts the test listener back',
    async t => {
      const stage = await stageByCli(t, { subnetCidr: subnetCidr(0) })
      const { codedeploy, clients, address } = stage
      await codedeploy.updateDeploymentGroup({
        applicationName: application,
        currentDeploymentGroupName: deploymentGroup,
        autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
        blueGreenDeploymentConfiguration: {
          deploymentReadyOption: { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 1 },
          terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 0 },
        },
      })
      const id = await deploy(stage, await registerVersion(clients, 'v2'))
      await untilStatus(clients, id, 'Ready')
      const readyAt = Date.now()
      assert.deepEqual([await askTcp(address, productionPort), await askTcp(address, testPort)], ['v1', 'v2'])
      const { status, errorInformation } = await untilStatus(clients, id, 'Stopped', 2 * minute)
      assert.deepEqual([status, errorInformation?.code], ['Stopped', 'TIMEOUT'])
      assert.ok(Date.now() - readyAt >= minute - 1_000, 'not before the minute is over')
      assert.deepEqual([await askTcp(address, productionPort), await askTcp(address, testPort)], ['v1', 'v1'])
      const late = codedeploy.continueDeployment({ deploymentId: id, deploymentWaitType: 'READY_WAIT' })
      await assert.rejects(late, { code: 'DeploymentAlreadyCompletedException' })
    },
  )

  storyByCli(
    'green whose tasks run and pass no health check is given up after three rounds, with that reason',
    async t => {
      const stage = await stageByCli(t, { subnetCidr: subnetCidr(2) })
      const { codedeploy, clients, address } = stage
      await codedeploy.updateDeploymentGroup({
        applicationName: application,
        currentDeploymentGroupName: deploymentGroup,
        autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
      })
      const id = await deploy(stage, await registerVersion(clients, 'v2', { UNHEALTHY: 'yes' }))
      const { status, errorInformation } = await untilStatus(clients, id, 'Failed', 2 * minute)
      assert.equal(status, 'Failed')
      assert.match(errorInformation?.message ?? '', /do not stay up: .*health checks/i)
      assert.deepEqual([await askTcp(address, productionPort), await askTcp(address, testPort)], ['v1', 'v1'])
    },
  )

  storyByCli('linear, half a minute: half of the new flows, and all of them a minute later', async t => {
    const stage = await stageByCli(t, { subnetCidr: subnetCidr(1) })
    const { codedeploy, clients, address } = stage
    await codedeploy.createDeploymentConfig({
      deploymentConfigName: 'halves',
      computePlatform: 'ECS',
      trafficRoutingConfig: {
        type: 'TimeBasedLinear',
        timeBasedLinear: { linearPercentage: 50, linearInterval: 1 },
      },
    })
    const taskDefinition = await registerVersion(clients, 'v2')
    const id = await deploy(stage, taskDefinition, { deploymentConfigName: 'halves' })
    await untilEvent(clients, id, 'AllowTraffic', 'InProgress')
    const share = async () => {
      const asked = 2_000
      let green = 0
      for (let n = 0; n < asked; n += 50) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => askTcp(address, productionPort)))
        for (const answer of answers) assert.match(answer, /^v[12]$/)
        green += answers.filter(answer => answer === 'v2').length
      }
      return green / asked
    }
    // By chance it is off by more once in 10,000 runs.
    const half = await share()
    assert.ok(Math.abs(half - 0.5) <= 0.045, `${100 * half} % of new connections`)
    const { status } = await untilStatus(clients, id, 'Succeeded', 2 * minute)
    assert.equal(status, 'Succeeded')
    assert.equal(await share(), 1)
    const { startTime, endTime } = (await eventsOf(clients, id)).get('AllowTraffic') ?? {}
    const took = Number(endTime) - Number(startTime)
    assert.ok(took >= minute && took < minute + 5_000 + slackMs, `${took} ms`)
  })
})
