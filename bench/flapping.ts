/**
 * What a target that fails every other check does to its users (R22): a whole Sluice, a sound target, and beside it one whose
 * checks are answered 200 and 503 in turn, and whose service refuses connections from each 503 to the next 200. Prints how
 * often its state changed (goal: at most once in threshold x interval), and how many requests failed (goal: 1 % of those
 * that its share is).
 *
 *     npm run bench -- flapping [seconds] [requests a second]      300 for the long form
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHealthService } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EC2 } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'

const seconds = Number(process.argv[2] ?? 30)
const requestsPerSecond = Number(process.argv[3] ?? 100)
const [apiPort, port, healthPort] = [26_900, 26_901, 26_902]
const [sound, flapping] = ['127.76.9.1', '127.76.9.2']
const [intervalSeconds, threshold] = [5, 2]

const answerWith = (name: string) => (socket: Socket) => {
  socket.on('error', () => {})
  socket.on('data', () => socket.end(name))
}
const soundService = createServer(answerWith(sound)).listen(port, sound)
const flappingService = createServer(answerWith(flapping)).listen(port, flapping)
let checks = 0
const healthServices = [sound, flapping].map(address =>
  createHealthService((_, response) => {
    if (address === flapping) {
      const fails = ++checks % 2 === 0
      if (fails) flappingService.close()
      else if (!flappingService.listening) flappingService.listen(port, flapping)
      response.statusCode = fails ? 503 : 200
    }
    response.end()
  }).listen(healthPort, address),
)

const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const flags = ['--port', String(apiPort), '--dns-port', '0', '--no-example', '--data-dir', directory]
const sluice = spawn(join(import.meta.dirname, '../bin/sluice'), ['up', ...flags], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
try {
  await measure(await setUp())
} finally {
  sluice.kill('SIGKILL')
  await once(sluice, 'exit')
  for (const server of [soundService, flappingService, ...healthServices]) server.close()
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}
process.exit()

/** The load balancer, and a target group of both targets; answers the flapping one's state. */
async function setUp(): Promise<() => Promise<string>> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  // Sluice may still be starting.
  const configuration = { endpoint: `http://127.0.0.1:${apiPort}`, region: 'us-east-1', credentials, maxAttempts: 20 }
  const ec2 = new EC2(configuration)
  const elbv2 = new ElasticLoadBalancingV2(configuration)
  const { Subnets = [] } = await ec2.describeSubnets({ Filters: [{ Name: 'availability-zone', Values: ['local-1a'] }] })
  const { SubnetId = '', VpcId } = Subnets[0] ?? {}
  const { LoadBalancers = [] } = await elbv2.createLoadBalancer({
    Name: 'flapping',
    Type: 'network',
    Subnets: [SubnetId],
  })
  const { TargetGroups = [] } = await elbv2.createTargetGroup({
    Name: 'flapping',
    Protocol: 'TCP',
    Port: port,
    VpcId,
    TargetType: 'ip',
    HealthCheckProtocol: 'HTTP',
    HealthCheckPort: String(healthPort),
    HealthCheckIntervalSeconds: intervalSeconds,
    HealthCheckTimeoutSeconds: 2,
    HealthyThresholdCount: threshold,
    UnhealthyThresholdCount: threshold,
  })
  const TargetGroupArn = TargetGroups[0]?.TargetGroupArn
  await elbv2.registerTargets({ TargetGroupArn, Targets: [{ Id: sound }, { Id: flapping }] })
  await elbv2.createListener({
    LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
    Protocol: 'TCP',
    Port: port,
    DefaultActions: [{ Type: 'forward', TargetGroupArn }],
  })
  const state = async () => {
    const { TargetHealthDescriptions = [] } = await elbv2.describeTargetHealth({
      TargetGroupArn,
      Targets: [{ Id: flapping }],
    })
    return String(TargetHealthDescriptions[0]?.TargetHealth?.State)
  }
  while ((await state()) === 'initial') await sleep(50)
  return state
}

/** Asks at a fixed rate, each time on a new connection, and watches the state. */
async function measure(state: () => Promise<string>): Promise<void> {
  const from = new Map<string, number>()
  const start = performance.now()
  const asked: Promise<void>[] = []
  let [last, changes, nextLook] = [await state(), 0, 0]
  for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - start) / 1_000) {
    while (asked.length < elapsed * requestsPerSecond)
      asked.push(request().then(name => void from.set(name, (from.get(name) ?? 0) + 1)))
    if (elapsed >= nextLook) {
      const now = await state()
      if (now !== last) changes++
      last = now
      nextLook = elapsed + 0.5
    }
    await sleep(5)
  }
  await Promise.all(asked)
  const failed = from.get('failed') ?? 0
  const allowed = Math.ceil(seconds / (threshold * intervalSeconds))
  console.log(`${seconds} s, ${checks} checks of the flapping target, which is ${last}`)
  console.log(`its state changed ${changes} times (goal: ${allowed} at most)`)
  console.log(
    `${asked.length} requests: ${from.get(sound) ?? 0} to the sound target, ${from.get(flapping) ?? 0} to the flapping one, ` +
      `${failed} failed, ${((200 * failed) / asked.length).toFixed(2)} % of its half (goal: 1 %)`,
  )
}

/** The name that answered, or `failed` after a refusal, a reset or 1 s. */
function request(): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(1_000, () => socket.destroy())
    socket.on('error', () => {})
    socket.once('data', data => resolve(data.toString()))
    socket.once('close', () => resolve('failed'))
    socket.write('hello')
  })
}
