/**
 * What a SYN flood costs those who really want to connect (R26): 20,000 spoofed SYNs a second, beside them 100 connects a second,
 * with SYN cookies by the kernel (the tag sluice:synproxy=true) and without, over IPv4 and IPv6. Goals: 99 % of the connects
 * succeed, p99 1.1 s, the flow table at most 80 % full.
 *
 *     npm run bench -- syn-flood [seconds]      30 for the long form
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Conntrack } from '../src/engine/nftables/flows/conntrack.ts'
import { openKernelStage } from './stage/kernel.ts'
import type { Host } from './stage/namespaces.ts'

const seconds = Number(process.argv[2] ?? 8)
const [synsPerSecond, connectsPerSecond] = [20_000, 100]
const families = [
  { name: 'IPv4', vip: '10.9.0.1', target: '10.9.1.2', network: '10.77', prefix: '10.77.0.0/16', via: '10.9.0.2' },
  { name: 'IPv6', vip: 'fd09::1', target: 'fd09:1::2', network: 'fd77:0:0:0', prefix: 'fd77::/64', via: 'fd09::2' },
]

for (const synproxy of [true, false]) {
  for (const { name, vip, target, network, prefix, via } of families) {
    const stage = await openKernelStage(1)
    const [echo] = stage.targets
    stage.balancer.run('ip', 'route', 'add', prefix, 'via', via)
    await once(start(echo!, 'echo.ts', 't1', '9000'), 'data')
    const targets = [{ address: target, port: 9000 }]
    await stage.serve({ protocol: 'TCP', address: vip, port: 8080, targets, synproxy })
    // Neighbors know each other before it begins.
    await once(start(stage.client, 'connector.ts', 8080, 1, 1, vip), 'data')
    const conntrack = await Conntrack.open()
    let fullest = 0
    const watch = setInterval(async () => {
      const { flows, limit } = await conntrack.flowTable()
      fullest = Math.max(fullest, flows / limit)
    }, 100)
    const flood = once(start(stage.client, 'syn-sender.ts', vip, 8080, synsPerSecond, seconds, network), 'data')
    const connects = once(start(stage.client, 'connector.ts', 8080, connectsPerSecond, seconds, vip), 'data')
    const [[sent], [found]] = await Promise.all([flood, connects])
    clearInterval(watch)
    await conntrack.close()
    const { sent: syns, seconds: took } = JSON.parse(String(sent))
    const { greeted, failures, p50, p99 } = JSON.parse(String(found))
    const share = ((100 * greeted) / (connectsPerSecond * seconds)).toFixed(2)
    const others = Object.entries(failures).map(([what, count]) => `, ${count} ${what}`)
    console.log(
      `${name} ${synproxy ? 'with' : 'without'} synproxy, ${Math.round(syns / took)} SYNs/s: ${share} % of connects succeed${others.join('')}, ` +
        `p50 ${p50} ms, p99 ${p99} ms, flow table ${(100 * fullest).toFixed(1)} % full`,
    )
    await stage.end()
  }
}

function start(host: Host, file: string, ...args: readonly (string | number)[]) {
  const program = [
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'stage', file),
    ...args.map(String),
  ]
  return host.start(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout!
}
