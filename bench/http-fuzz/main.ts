/**
 * Mixed fuzz on every port at once (A8): HTTP, HTTPS, TCP, TLS and UDP listeners, DNS and the control API get mutated requests
 * (AWS's desync test data among them), random bytes, half requests, slow ones, mutated ClientHellos and datagrams. Prints
 * processes that ended, what the operator was told, sound requests that failed meanwhile, memory's slope over the last
 * third, and sockets that stay behind (goals: 0, 0, at most 1 MB a minute, 0).
 *
 *     npm run bench -- http-fuzz [minutes] [seed]      30 for the long form, default 0.5
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { get } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { randomFrom } from '../../src/domain/random.fixture.ts'
import { clientHello } from '../stage/client-hello.ts'
import { residentBytes } from '../stage/processes.ts'
import { httpPort, httpsPort, openWebStage } from '../stage/web.ts'
import { attack, type Door } from './attack.ts'
import { mutate, noise } from './mutate.ts'
import { apiCalls, dnsQueries, requests } from './seeds.ts'

const minutes = Number(process.argv[2] ?? 0.5)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
const random = randomFrom(seed)
const atOnce = 150
const [apiPort, dnsPort, tcpPort, tlsPort, udpPort] = [4566, 4553, 6402, 6403, 6404]
const sampleMs = 2_000
/** Of a listener's connections, at its end; longer than any time limit that applies. */
const idleSeconds = 5

const stage = await openWebStage({
  targetCount: 1,
  flags: ['--dns-port', String(dnsPort)],
  attributes: { 'idle_timeout.timeout_seconds': String(idleSeconds) },
})
await networkLoadBalancer()
const hellos = await Promise.all([
  clientHello(),
  clientHello({ maxVersion: 'TLSv1.2' }),
  clientHello({ ALPNProtocols: ['h2', 'http/1.1'], servername: 'a'.repeat(200) }),
])
const sent: Record<string, number> = {}
const at = (port: number, host = '10.9.0.1') => ({ host, port })
const [http, https, tcp, tls, udp] = [at(httpPort), at(httpsPort), at(tcpPort), at(tlsPort), at(udpPort)]
const [api, dns] = [at(apiPort, '127.0.0.1'), at(dnsPort, '127.0.0.1')]
const kinds: Record<string, () => Promise<void>> = {
  requests: () => attack(any([http, http, https, tcp]), mutate(requests, random), random),
  'requests in TLS': () => attack(any([https, tls]), mutate(requests, random), random, true),
  noise: () => attack(any([http, https, tcp, tls, api]), noise(random), random),
  hellos: () => attack(any([https, tls, http]), mutate(hellos, random), random),
  'API calls': () => attack(api, mutate(apiCalls, random), random),
  datagrams: () => datagram(any([dns, udp]), random(2) === 0 ? noise(random) : mutate(dnsQueries, random)),
}

const processes = stage.pids().join(' ')
const linesBefore = stage.lines.length
const endsAt = performance.now() + minutes * 60_000
const samples: { readonly minute: number; readonly mb: number }[] = []
const sampler = setInterval(
  () => samples.push({ minute: performance.now() / 60_000, mb: residentBytes(stage.pids()) / 1e6 }),
  sampleMs,
)
const sound = { asked: 0, failures: [] as string[] }
await Promise.all([askSoundly(), ...Array.from({ length: atOnce }, attackOn)])
clearInterval(sampler)
// These keep connections.
for (const client of Object.values(stage.api)) client.destroy()
// All limits have passed then: the handshake's 10 s, the idle timeout.
await pause(15_000)

console.log(
  `seed ${seed}, ${minutes} min: ${Object.entries(sent)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')}`,
)
const now = stage.pids().join(' ')
console.log(`processes that ended: ${now === processes ? 0 : `${processes} became ${now}`} (goal: 0)`)
const told = stage.lines.slice(linesBefore)
console.log(`lines to the operator: ${told.length}`)
for (const line of told.slice(0, 10)) console.log(`  ${line.slice(0, 200)}`)
console.log(`sound requests: ${sound.failures.length} of ${sound.asked} failed (goal: 0) ${sound.failures.slice(0, 5)}`)
const last = samples.slice(Math.floor((samples.length * 2) / 3))
console.log(
  `memory ${samples[0]?.mb.toFixed(0)} -> ${samples.at(-1)?.mb.toFixed(0)} MB, in the last third ${slope(last).toFixed(1)} MB/min (goal: 1)`,
)
const stuck = sockets()
console.log(`sockets that clients left behind: ${stuck.length} (goal: 0)`)
for (const line of stuck.slice(0, 10)) console.log(`  ${line}`)
process.exit()

function any<T>(items: readonly T[]): T {
  return items[random(items.length)]!
}

async function attackOn(): Promise<void> {
  const names = Object.keys(kinds)
  while (performance.now() < endsAt) {
    const kind = any(names)
    sent[kind] = (sent[kind] ?? 0) + 1
    await kinds[kind]!()
  }
}

function datagram({ host, port }: Door, bytes: Buffer): Promise<void> {
  return new Promise(resolve => {
    const socket = createSocket('udp4')
    socket.on('error', () => {})
    socket.send(bytes, port, host, () => socket.close(() => resolve()))
  })
}

/** Ten a second, each on a connection of its own. */
async function askSoundly(): Promise<void> {
  while (performance.now() < endsAt) {
    await pause(100)
    sound.asked++
    const failure = await new Promise<string>(resolve => {
      get({ host: '10.9.0.1', port: httpPort, agent: false, timeout: 5_000 }, response => {
        response.resume().on('close', () => resolve(response.statusCode === 200 ? '' : String(response.statusCode)))
      })
        .on('timeout', () => resolve('nothing for 5 s'))
        .on('error', error => resolve(error.message))
    })
    if (failure !== '') sound.failures.push(failure)
  }
}

async function networkLoadBalancer(): Promise<void> {
  const { api, arns, targets } = stage
  const { LoadBalancers = [] } = await api.elbv2.createLoadBalancer({
    Name: 'other',
    Type: 'network',
    Subnets: [arns.subnetIds[0]!],
  })
  for (const [Protocol, Port] of [
    ['TCP', tcpPort],
    ['TLS', tlsPort],
    ['UDP', udpPort],
  ] as const) {
    const { TargetGroups = [] } = await api.elbv2.createTargetGroup({
      Name: `other-${Protocol}`,
      Protocol: Protocol === 'UDP' ? 'UDP' : 'TCP',
      Port: 80,
      VpcId: arns.vpcId,
      TargetType: 'ip',
    })
    const TargetGroupArn = String(TargetGroups[0]?.TargetGroupArn)
    await api.elbv2.registerTargets({ TargetGroupArn, Targets: targets.map(({ address }) => ({ Id: address })) })
    await api.elbv2.createListener({
      LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
      Protocol,
      Port,
      ...(Protocol === 'TLS' && { Certificates: [{ CertificateArn: arns.certificate }] }),
      DefaultActions: [{ Type: 'forward', TargetGroupArn }],
    })
  }
}

/** Of the line of least squares, MB a minute. */
function slope(samples: readonly { readonly minute: number; readonly mb: number }[]): number {
  const mean = (of: (sample: (typeof samples)[number]) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const [minute, mb] = [mean(sample => sample.minute), mean(sample => sample.mb)]
  return mean(sample => (sample.minute - minute) * (sample.mb - mb)) / mean(sample => (sample.minute - minute) ** 2)
}

/** What there still is of connections to the listeners and the API, but for those that only wait for late segments. */
function sockets(): string[] {
  const ports = [httpPort, httpsPort, tcpPort, tlsPort, apiPort]
  const lines = execFileSync('ss', ['-Htnap'], { encoding: 'utf8' }).trim().split('\n')
  return lines.filter(line => {
    const [state = '', , , local = ''] = line.split(/\s+/)
    return !/^(LISTEN|TIME-WAIT)$/.test(state) && ports.includes(Number(local.split(':').at(-1)))
  })
}
