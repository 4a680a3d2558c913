/** Deployments and rollbacks behind an Application Load Balancer, by the AWS CLI, with real processes as tasks (S2.1, S2.3, S2.8). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { suite, type TestContext } from 'node:test'
import type { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'
import { WebSocket } from 'ws'
import {
  askWeb,
  deploy,
  eventsOf,
  registerVersion,
  untilEvent,
  untilStatus,
  webPort,
  webTestPort,
} from './blue-green.ts'
import { type Stage, stageByCli, storyByCli } from './by-cli.ts'
import { cliClient } from './drivers.ts'
import { keepAsking } from './keep-asking.ts'
import { temporaryDirectory, until } from './sluice.ts'

/** What both listeners answer by each of their rules, and beside them. */
async function answers({ address }: Stage): Promise<Record<'production' | 'test', string>> {
  const of = async (port: number) =>
    (await Promise.all(['/shop/1', '/chat', '/none'].map(path => askWeb(address, port, path)))).join(' ')
  return { production: await of(webPort), test: await of(webTestPort) }
}

/** Changes `web`'s deployment group by the AWS CLI. */
async function regroup({ codedeploy }: Stage, settings: object): Promise<void> {
  await codedeploy.updateDeploymentGroup({
    applicationName: 'web',
    currentDeploymentGroupName: 'web',
    ...settings,
  })
}

const deployVersion = async (stage: Stage, version: string, wishes: object = {}) =>
  deploy(stage, await registerVersion(stage.clients, version, {}, 'web'), { name: 'web', ...wishes })

/** A request that is under way until its body ends; what it is answered then. */
async function begun({ address }: Stage) {
  const request = http.request({ host: address, port: webPort, path: '/shop/upload', method: 'POST', agent: false })
  const answered = once(request, 'response').then(async ([response]) => [response.statusCode, await text(response)])
  await new Promise(resolve => request.write('first', resolve))
  return () => {
    request.end('last')
    return answered
  }
}

async function chat(t: TestContext, { address }: Stage) {
  const socket = new WebSocket(`ws://${address}:${webPort}/chat`)
  t.after(() => socket.terminate())
  const closed = once(socket, 'close')
  await once(socket, 'open')
  const say = async (words: string) => {
    socket.send(words)
    const [data] = await once(socket, 'message')
    return String(data)
  }
  return { say, closed }
}

async function byRules(t: TestContext): Promise<void> {
  const verdict = join(temporaryDirectory(t), 'verdict')
  writeFileSync(verdict, 'exit 1\n')
  const stage = await stageByCli(t, {
    protocol: 'HTTP',
    paths: ['/shop/*', '/chat'],
    delay: 4,
    flags: ['--hook', `smoke=exec:. ${verdict}`],
    group: {
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 5 },
        terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 0 },
      },
    },
  })
  const { clients, codedeploy, address } = stage
  const asked = keepAsking(t, {
    production: () => askWeb(address, webPort, '/shop/asked'),
    test: () => askWeb(address, webTestPort, '/shop/asked'),
  })
  assert.deepEqual(await answers(stage), { production: 'v1 v1 404', test: 'v1 v1 404' })

  await t.test(
    'S2.1: green is tried by the test rules first, then the production rules move, and blue drains',
    async t => {
      const id = await deployVersion(stage, 'v2')
      await untilStatus(clients, id, 'Ready')
      assert.deepEqual(await answers(stage), { production: 'v1 v1 404', test: 'v2 v2 404' })
      const [finish, { say, closed }] = await Promise.all([begun(stage), chat(t, stage)])
      assert.equal(await say('before'), 'v1 before')
      await codedeploy.continueDeployment({ deploymentId: id, deploymentWaitType: 'READY_WAIT' })
      await untilEvent(clients, id, 'AllowTraffic', 'Succeeded', 'web')
      assert.deepEqual(await answers(stage), { production: 'v2 v2 404', test: 'v2 v2 404' })
      assert.equal(await say('after'), 'v1 after')
      assert.deepEqual(await finish(), [200, 'v1\n'])
      assert.equal((await untilStatus(clients, id, 'Succeeded')).status, 'Succeeded')
      await closed
    },
  )

  await t.test('a hook that fails puts the test rules back', async () => {
    await regroup(stage, {
      autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
        terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 10 },
      },
    })
    const id = await deployVersion(stage, 'v3', { hooks: { AfterAllowTestTraffic: 'smoke' } })
    const { status, errorInformation } = await untilStatus(clients, id, 'Failed')
    assert.deepEqual([status, errorInformation?.code], ['Failed', 'HOOK_EXECUTION_FAILURE'])
    assert.equal((await eventsOf(clients, id, 'web')).get('AfterAllowTestTraffic')?.status, 'Failed')
    assert.deepEqual(await answers(stage), { production: 'v2 v2 404', test: 'v2 v2 404' })
  })

  await t.test('S2.8: a rollback moves the rules of both listeners back to blue', async () => {
    const id = await deployVersion(stage, 'v4')
    await untilEvent(clients, id, 'AllowTraffic', 'Succeeded', 'web')
    assert.deepEqual(await answers(stage), { production: 'v4 v4 404', test: 'v4 v4 404' })
    await codedeploy.stopDeployment({ deploymentId: id, autoRollbackEnabled: true })
    const { status, rollbackInfo } = await untilStatus(clients, id, 'Stopped')
    assert.equal(status, 'Stopped')
    assert.deepEqual(await answers(stage), { production: 'v2 v2 404', test: 'v2 v2 404' })
    const rollback = await untilStatus(clients, String(rollbackInfo?.rollbackDeploymentId), 'Succeeded')
    assert.deepEqual([rollback.status, rollback.creator], ['Succeeded', 'codeDeployRollback'])
  })
  assert.deepEqual(await asked(), [])
}

/** Clients over connections that stay. */
class Clients {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 50 })
  readonly #address: string

  constructor(t: TestContext, address: string) {
    this.#address = address
    t.after(() => this.#agent.destroy())
  }

  /** The version that answers, and the cookie that its target group is kept by. */
  ask(cookie = ''): Promise<{ readonly version: string; readonly cookie: string }> {
    const headers = cookie === '' ? {} : { cookie }
    return new Promise((resolve, reject) => {
      const options = { host: this.#address, port: webPort, agent: this.#agent, headers }
      const request = http.get(options, async response => {
        const set = response.headers['set-cookie']?.find(its => its.startsWith('AWSALBTG=')) ?? ''
        const version = (await text(response)).trim()
        if (response.statusCode === 200) resolve({ version, cookie: set.split(';')[0] ?? '' })
        else reject(new Error(`answered ${response.statusCode}`))
      })
      request.on('error', reject)
    })
  }

  /** Of so many requests without a cookie, the share that `version` answers. */
  async shareOf(version: string, requests: number): Promise<number> {
    let its = 0
    for (let asked = 0; asked < requests; asked += 250) {
      const answers = await Promise.all(Array.from({ length: 250 }, () => this.ask()))
      its += answers.filter(answer => answer.version === version).length
    }
    return its / requests
  }

  /** The versions that answer this cookie. */
  async keptBy(cookie: string): Promise<string> {
    const answers = await Promise.all(Array.from({ length: 50 }, () => this.ask(cookie)))
    return [...new Set(answers.map(({ version }) => version))].join()
  }
}

async function canary(t: TestContext): Promise<void> {
  const stage = await stageByCli(t, { protocol: 'HTTP', desiredCount: 1 })
  const { codedeploy, production, groups } = stage
  const elbv2 = cliClient<ElasticLoadBalancingV2>(stage.sluice.url, 'elbv2')
  await elbv2.modifyListener({
    ListenerArn: production,
    DefaultActions: [
      {
        Type: 'forward',
        ForwardConfig: {
          TargetGroups: [{ TargetGroupArn: groups[0], Weight: 1 }],
          TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 600 },
        },
      },
    ],
  })
  await codedeploy.createDeploymentConfig({
    deploymentConfigName: 'tenth',
    computePlatform: 'ECS',
    trafficRoutingConfig: { type: 'TimeBasedCanary', timeBasedCanary: { canaryPercentage: 10, canaryInterval: 5 } },
  })
  const clients = new Clients(t, stage.address)
  const ofBlue = await until('a cookie of blue', async () => (await clients.ask()).cookie)
  const id = await deployVersion(stage, 'v2', { deploymentConfigName: 'tenth' })
  const ofGreen = await until('green has its share', async () => {
    const { version, cookie } = await clients.ask()
    return version === 'v2' ? cookie : undefined
  })
  const share = await clients.shareOf('v2', 10_000)
  assert.ok(Math.abs(share - 0.1) <= 0.015, `${(100 * share).toFixed(1)} % of 10,000 requests`)
  assert.deepEqual([await clients.keptBy(ofBlue), await clients.keptBy(ofGreen)], ['v1', 'v2'])

  await codedeploy.stopDeployment({ deploymentId: id, autoRollbackEnabled: true })
  assert.equal((await untilStatus(stage.clients, id, 'Stopped')).status, 'Stopped')
  assert.equal(await clients.shareOf('v2', 500), 0)
  assert.deepEqual([await clients.keptBy(ofBlue), await clients.keptBy(ofGreen)], ['v1', 'v1'])
}

suite('behind an Application Load Balancer', () => {
  storyByCli('deployments and rollbacks by rules, with nothing unanswered', byRules)
  storyByCli(
    'a canary of 10 per cent has 10 per cent of the requests, and clients with a cookie keep their side',
    canary,
  )
})
