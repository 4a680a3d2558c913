/** What the HTTP benches share: hosts around a balancer, and on it a whole Sluice with an Application Load Balancer. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { enterNetwork } from '../../test/own-network.ts'
import { type Api, connectApi, type LoadBalancerArns, setUpLoadBalancer } from './application-load-balancer.ts'
import { buildTopology, type Host, type Topology } from './namespaces.ts'
import { tree } from './processes.ts'

const root = join(import.meta.dirname, '../..')
/** Balancers have the first core to themselves, load and targets the second. */
export const onBalancerCore = ['taskset', '-c', '0'] as const
export const onLoadCore = ['taskset', '-c', '1'] as const

export const httpPort = 6400
export const httpsPort = 6401

export interface WebStage extends Topology {
  /** Goes with the stage. */
  readonly directory: string
  readonly api: Api
  readonly arns: LoadBalancerArns
  /** What Sluice said, line by line. */
  readonly lines: readonly string[]
  /** Sluice's processes as they are now. */
  pids(): number[]
}

interface Wishes {
  readonly targetCount: number
  /** Serves HTTP on port 80 of each target, health checks too; nginx unless given. */
  readonly startTarget?: (target: Host, directory: string) => void
  /** Addresses of the group's targets; theirs unless given. */
  readonly addresses?: (targets: readonly Host[]) => readonly string[]
  readonly group?: Parameters<typeof setUpLoadBalancer>[1]['group']
  readonly attributes?: Readonly<Record<string, string>>
  /** For `sluice up`, beside those that are the same for all. */
  readonly flags?: readonly string[]
}

/**
 * The topology of `buildTopology` with a Sluice of one worker, which answers through to its targets on `httpPort` and `httpsPort`
 * of 10.9.0.1. This process stays on the balancer, and everything ends with it. Needs root.
 */
export async function openWebStage(wishes: Wishes): Promise<WebStage> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const topology = buildTopology(wishes.targetCount)
  process.on('exit', () => {
    topology.close()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))
  const { balancer, targets } = topology
  for (const target of targets) (wishes.startTarget ?? startNginx)(target, directory)

  const dataDir = join(directory, 'sluice')
  const flags = [
    '--workers',
    '1',
    '--no-example',
    '--dns-port',
    '0',
    '--no-kernel',
    '--data-dir',
    dataDir,
    ...(wishes.flags ?? []),
  ]
  const sluice = start(balancer, [...onBalancerCore, join(root, 'bin/sluice'), 'up', ...flags])
  const lines: string[] = []
  for (const stream of [sluice.stdout!, sluice.stderr!])
    createInterface(stream).on('line', line => {
      lines.push(line)
    })
  enterNetwork(balancer.name)
  const api = connectApi()
  const addresses = wishes.addresses?.(targets) ?? targets.map(({ address }) => address)
  const { group = {}, attributes = {} } = wishes
  const arns = await setUpLoadBalancer(api, { httpPort, httpsPort, targets: addresses, group, attributes })
  for (const url of [`http://10.9.0.1:${httpPort}/`, `https://10.9.0.1:${httpsPort}/`]) await answering(topology, url)
  return { ...topology, directory, api, arns, lines, pids: () => tree(sluice.pid ?? 0) }
}

function start(host: Host, [command = '', ...args]: readonly string[]): ChildProcess {
  return host.start(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Waits until the proxy answers there through to a target. */
export async function answering({ client }: Topology, url: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      client.run('curl', '-skf', '-o', '/dev/null', '--max-time', '1', url)
      return
    } catch {
      if (attempt === 100) throw new Error(`nothing answers at ${url}`)
      await sleep(200)
    }
  }
}

/** Starts a program of this folder's, TypeScript, on the load's core of a host; its standard output is a pipe. */
export function startProgram(host: Host, file: string, ...args: readonly (string | number)[]): ChildProcess {
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', file)]
  const [command, ...rest] = [...onLoadCore, ...program, ...args.map(String)]
  return host.start(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** nginx: a small answer at `/`, 100 kB at `/100k`. */
export function startNginx(target: Host, directory: string): void {
  writeFileSync(join(directory, '100k'), 'x'.repeat(100_000))
  const name = join(directory, target.address)
  writeFileSync(
    `${name}.conf`,
    `user root; worker_processes 1; pid ${name}.pid; error_log ${name}.log;
events { worker_connections 16000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; open_file_cache max=10;
  server { listen 80 backlog=8192; location / { return 200 "ok"; } location /100k { root ${directory}; } }
}`,
  )
  target.start(onLoadCore[0], [...onLoadCore.slice(1), 'nginx', '-c', `${name}.conf`, '-g', 'daemon off;'])
}

export const haproxyPort = 6000
export const haproxyTlsPort = 6001

/** HAProxy with one thread beside Sluice, forwarding to this target's port 80; with a certificate of its own. */
export function startHaproxy(balancer: Host, target: string, directory: string): ChildProcess {
  const pem = join(directory, 'both.pem')
  const [key, certificate] = ['key', 'certificate'].map(name => join(directory, `${name}.pem`)) as [string, string]
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bench.example.com -keyout ${key} -out ${certificate}`.split(
      ' ',
    ),
    { stdio: 'ignore' },
  )
  writeFileSync(pem, execFileSync('cat', [certificate, key]))
  const file = join(directory, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 9000
  tune.ssl.default-dh-param 2048
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend http
  bind 10.9.0.1:${haproxyPort} backlog 8192
  default_backend web
frontend https
  bind 10.9.0.1:${haproxyTlsPort} backlog 8192 ssl crt ${pem} alpn http/1.1
  default_backend web
backend web
  server t1 ${target}:80
`,
  )
  const [taskset, ...args] = onBalancerCore
  return balancer.start(taskset, [...args, 'haproxy', '-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] })
}
