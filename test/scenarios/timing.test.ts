/** AWS's timing of a Network Load Balancer, sixty times as fast: what real clients get while CodeDeploy deploys and rolls back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slackMs } from '../long.ts'
import {
  askTcp,
  blueGreen,
  type Clients,
  deploy,
  productionPort,
  registerVersion,
  testPort,
  untilEvent,
  untilStatus,
} from './blue-green.ts'
import { until } from './sluice.ts'

const scale = 60
/** What the machine may add at either end of an outage; the figures themselves are `propagation.test.ts`'s. */
const machineMs = 400 + slackMs
const timing = ['--timing', 'aws-nlb', '--time-scale', String(scale), '--timing-seed', '9']
/** Both colours stay until a rollback has been seen. */
const group = {
  autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_STOP_ON_REQUEST'] },
  blueGreenDeploymentConfiguration: {
    deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
    terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 60 },
  },
}

test('S2.9 and S2.10 live: a rollback leaves both listeners dark for 70-80 s; with a dummy listener nothing is lost', async t => {
  const stage = await blueGreen(t, { protocol: 'TCP', delay: 4, flags: timing, group })
  const { sluice, clients, address, groups } = stage
  assert.match(sluice.output(), /timing: aws-nlb, 60 times as fast, seed 9\n/)
  assert.deepEqual((await sluice.status()).timing, { profile: 'aws-nlb', scale, seed: 9 })
  const version = await registerVersion(clients, 'v2')
  const asking = [productionPort, testPort].map(port => new Asking(address, port))
  const [production, testing] = asking as [Asking, Asking]
  t.after(() => Promise.all(asking.map(its => its.stop())))
  await production.sees('v1')

  const id = await deployed(clients, version)
  await Promise.all(asking.map(its => its.sees('v2')))
  const from = performance.now()
  await rollBack(clients, id)
  await until('its group is being linked', async () => {
    const { TargetHealthDescriptions = [] } = await clients.elbv2.describeTargetHealth({ TargetGroupArn: groups[0] })
    return TargetHealthDescriptions.every(({ TargetHealth }) => TargetHealth?.Reason === 'Elb.InitialHealthChecking')
  })
  await Promise.all(asking.map(its => its.sees('v1')))
  for (const [name, its] of [
    ['production', production],
    ['test', testing],
  ] as const) {
    const outages = await its.outages(from)
    const [outage, ...more] = outages
    assert.ok(outage !== undefined && more.length === 0, `${name}: one outage, not ${JSON.stringify(outages)}`)
    assert.ok(outage >= 70_000 / scale - machineMs && outage <= 80_000 / scale + machineMs, `${name}: ${outage} ms`)
  }

  await untilStatus(clients, id, 'Stopped')
  const { LoadBalancerArn } = (await clients.elbv2.describeListeners({ ListenerArns: [stage.production] }))
    .Listeners![0]!
  await clients.elbv2.createListener({
    LoadBalancerArn,
    Protocol: 'TCP',
    Port: 10_443,
    DefaultActions: [
      {
        Type: 'forward',
        ForwardConfig: { TargetGroups: groups.map(TargetGroupArn => ({ TargetGroupArn, Weight: 1 })) },
      },
    ],
  })
  await until('both groups are linked', async () =>
    (await sluice.status()).listeners.every(({ linking }) => linking.length === 0),
  )
  const since = performance.now()
  const again = await deployed(clients, version)
  await production.sees('v2')
  await rollBack(clients, again)
  await production.sees('v1')
  assert.deepEqual(await production.outages(since), [])
})

/** Deploys until both listeners have been told. */
async function deployed(clients: Clients, version: string): Promise<string> {
  const id = await deploy(clients, version)
  await untilEvent(clients, id, 'AllowTraffic')
  return id
}

/** Asks for everything to be taken back, and does not wait for the replacement's end. */
async function rollBack({ codedeploy }: Clients, deploymentId: string): Promise<void> {
  await codedeploy.stopDeployment({ deploymentId, autoRollbackEnabled: true })
}

/** A SYN that nobody answers is sent again after a second. */
const lateMs = 950

interface Attempt {
  readonly at: number
  readonly answer: Promise<void>
  text?: string
  isServed?: boolean
}

/** A client that opens a connection every 20 ms. */
class Asking {
  readonly #attempts: Attempt[] = []
  readonly #stop: () => void

  constructor(host: string, port: number) {
    const timer = setInterval(() => this.#ask(host, port), 20)
    this.#stop = () => clearInterval(timer)
  }

  /** One that was answered late, by a second SYN, may be the first after an outage, which is not over then. */
  async sees(version: string): Promise<void> {
    await until(`${version} answers`, () => this.#attempts.findLast(({ isServed }) => isServed)?.text === version)
  }

  /** Milliseconds from the first attempt that nobody took at once to the next one that somebody did. */
  async outages(from: number): Promise<readonly number[]> {
    const attempts = this.#attempts.filter(({ at }) => at >= from)
    await Promise.all(attempts.map(({ answer }) => answer))
    const outages: number[] = []
    let since: number | undefined
    for (const { at, isServed } of attempts) {
      if (isServed && since !== undefined) outages.push(at - since)
      since = isServed ? undefined : (since ?? at)
    }
    return outages
  }

  async stop(): Promise<void> {
    this.#stop()
    await Promise.all(this.#attempts.map(({ answer }) => answer))
  }

  #ask(host: string, port: number): void {
    const at = performance.now()
    const answer = askTcp(host, port).then(text => {
      attempt.text = text
      attempt.isServed = /^v[12]$/.test(text) && performance.now() - at < lateMs
    })
    const attempt: Attempt = { at, answer }
    this.#attempts.push(attempt)
  }
}
