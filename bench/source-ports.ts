/**
 * How many connections one target takes through one address of the balancer (R28):
 *
 *   open         55,000 at once, with the balancer's address and with the clients' own: 0 fail
 *   rate         2,000 a second for so long, each closed again: 0 fail, though a port is taken for 120 s after its connection
 *   exhausted    65,000 at once with the balancer's address, which has 64,512 ports: the rest are refused and counted, and
 *                nobody is greeted by another target than there is
 *
 *     npm run bench -- source-ports [seconds of rate]      120 for the long form
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Conntrack } from '../src/engine/nftables/flows/conntrack.ts'
import { type KernelStage, openKernelStage } from './stage/kernel.ts'
import type { Host } from './stage/namespaces.ts'

const seconds = Number(process.argv[2] ?? 10)
const port = 8080
/** The balancer's addresses, and which of the client's own the client takes towards each. */
const ways = [1, 11, 12, 13].map((n, i) => ({ vip: `10.9.0.${n}`, client: `10.9.0.${i + 2}` }))

async function open(what: string, count: number, preserveClientIp: boolean): Promise<void> {
  const stage = await openStage(preserveClientIp)
  const began = performance.now()
  const holders = ways.map(({ vip, client }) =>
    once(start(stage.client, 'holder.ts', vip, port, count / ways.length, client), 'data'),
  )
  const found = (await Promise.all(holders)).map(([text]) => JSON.parse(String(text)))
  const took = (performance.now() - began) / 1_000
  const conntrack = await Conntrack.open()
  const { flows, portless } = await conntrack.flowTable()
  await conntrack.close()
  const greeted = found.reduce((sum, { greeted }) => sum + greeted, 0)
  const seenAs = new Set(found.flatMap(({ greetings }) => Object.keys(greetings)))
  console.log(
    `${what}: ${greeted} of ${count} greeted in ${took.toFixed(1)} s${failuresOf(found)}; greeted as ${[...seenAs].join(', ')}; ` +
      `${flows} flows, ${portless} packets found no port`,
  )
  await stage.end()
}

async function rate(): Promise<void> {
  const stage = await openStage(false)
  const vips = ways.map(({ vip }) => vip)
  const [text] = await once(start(stage.client, 'connector.ts', port, 2_000, seconds, ...vips), 'data')
  const found = JSON.parse(String(text))
  const conntrack = await Conntrack.open()
  const { flows, portless } = await conntrack.flowTable()
  await conntrack.close()
  const { greeted, p50, p99, slowest } = found
  console.log(
    `rate: ${greeted} of ${2_000 * seconds} greeted at 2000/s${failuresOf([found])}; p50 ${p50} ms, p99 ${p99} ms, slowest ${slowest} ms; ` +
      `${flows} flows, ${portless} packets found no port`,
  )
  await stage.end()
}

async function openStage(preserveClientIp: boolean): Promise<KernelStage> {
  const stage = await openKernelStage(1)
  const [target] = stage.targets
  const device = (host: Host, towards: string) => / dev (\S+)/.exec(host.run('ip', 'route', 'get', towards))?.[1] ?? ''
  const [near, far] = [device(stage.balancer, '10.9.0.2'), device(stage.client, '10.9.0.1')]
  for (const { vip, client } of ways.slice(1)) {
    stage.balancer.run('ip', 'address', 'add', `${vip}/24`, 'dev', near)
    stage.client.run('ip', 'address', 'add', `${client}/24`, 'dev', far)
    stage.client.run('ip', 'route', 'add', vip, 'dev', far, 'src', client)
  }
  // As many ports as there are.
  stage.client.run('sysctl', '-qw', 'net.ipv4.ip_local_port_range=1024 65535')
  // A process has no more than so many sockets.
  for (let n = 0; n < 5; n++) await once(start(target!, 'echo.ts', 't1', '9000'), 'data')
  const targets = [{ address: '10.9.1.2', port: 9000 }]
  await stage.serve(
    ...ways.map(({ vip }) => ({ protocol: 'TCP' as const, address: vip, port, targets, preserveClientIp })),
  )
  return stage
}

function failuresOf(found: readonly { readonly failures: Readonly<Record<string, number>> }[]): string {
  const sums = new Map<string, number>()
  for (const { failures } of found)
    for (const [what, count] of Object.entries(failures)) sums.set(what, (sums.get(what) ?? 0) + count)
  return [...sums].map(([what, count]) => `, ${count} ${what}`).join('')
}

function start(host: Host, file: string, ...args: readonly (string | number)[]) {
  const program = [
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'stage', file),
    ...args.map(String),
  ]
  return host.start(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout!
}

await open('open, the balancer’s address', 55_000, false)
await open('open, the clients’ addresses', 55_000, true)
await rate()
await open('exhausted', 65_000, false)
