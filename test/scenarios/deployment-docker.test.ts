/** A deployment and a rollback with containers as tasks, in a real Docker. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { Dockerd, dockerdLacks } from '../../src/tasks/docker/dockerd.fixture.ts'
import { DockerApi } from '../../src/tasks/docker/engine-api.ts'
import { lacking } from '../lacking.ts'
import {
  askTcp,
  clientsOf,
  deploy,
  productionPort,
  program,
  registerVersion,
  setUpBlueGreen,
  testPort,
  untilEvent,
  untilStatus,
} from './blue-green.ts'
import { startSluice, until } from './sluice.ts'

const story =
  'a deployment of containers moves production and ends blue, the next one is rolled back, and nothing stays'
const limit = { timeout: 60_000 }

const lacks = dockerdLacks()
if (lacks !== undefined) test(story, t => lacking(t, lacks))
else {
  let dockerd: Dockerd
  before(async () => {
    dockerd = await Dockerd.open()
    await dockerd.importNode('shop:v1', [program])
  }, limit)
  after(() => dockerd?.close())

  test(story, limit, async t => {
    const docker = new DockerApi(dockerd.socketPath, systemClock)
    for (const tag of ['v2', 'v3']) await docker.call('POST', '/images/shop:v1/tag', { query: { repo: 'shop', tag } })
    /** What all containers there are have for an image, whatever their state. */
    const containers = async () => {
      const list = JSON.parse(await docker.call('GET', '/containers/json', { query: { all: true } }))
      return list.map(({ Image, State }: { Image: string; State: string }) => `${Image} ${State}`).sort()
    }
    // A task has stopped before its container is removed.
    const onlyRunning = (image: string) =>
      until(
        `two containers, of ${image}`,
        async () => String(await containers()) === `${image} running,${image} running`,
      )

    const sluice = await startSluice(t, {
      flags: ['--tasks', 'docker', '--sysctl'],
      under: ['env', `DOCKER_HOST=unix://${dockerd.socketPath}`],
    })
    const clients = clientsOf(sluice.url)
    const { codedeploy } = clients
    const { address } = await setUpBlueGreen(clients, { protocol: 'TCP' })
    const answers = async () => [await askTcp(address, productionPort), await askTcp(address, testPort)]
    assert.deepEqual(await answers(), ['v1', 'v1'])

    const second = await deploy(clients, await registerVersion(clients, 'v2'))
    await untilEvent(clients, second, 'AllowTraffic')
    assert.deepEqual(await answers(), ['v2', 'v2'])
    assert.equal((await untilStatus(clients, second, 'Succeeded')).status, 'Succeeded')
    await onlyRunning('shop:v2')

    await codedeploy.updateDeploymentGroup({
      applicationName: 'shop',
      currentDeploymentGroupName: 'shop',
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
        terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 10 },
      },
    })
    const third = await deploy(clients, await registerVersion(clients, 'v3'))
    await untilEvent(clients, third, 'AllowTraffic')
    assert.deepEqual(await answers(), ['v3', 'v3'])
    await codedeploy.stopDeployment({ deploymentId: third, autoRollbackEnabled: true })
    assert.equal((await untilStatus(clients, third, 'Stopped')).status, 'Stopped')
    assert.deepEqual(await answers(), ['v2', 'v2'])
    await onlyRunning('shop:v2')

    assert.equal(await sluice.stop('SIGINT'), 0)
    assert.deepEqual(await containers(), [])
  })
}
