import { randomInt } from 'node:crypto'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { isLoopback } from '../domain/cidr.ts'
import { type Timing, timingProfiles } from '../domain/timing.ts'

/** What `sluice up` and `sluice doctor` can be told; handed to the processes as it is. */
export interface Options {
  readonly host: string
  readonly port: number
  /** Absolute. */
  readonly dataDir: string
  readonly example: boolean
  readonly workers: number
  readonly account: string
  readonly region: string
  /** Absolute path of a credentials file; without one, any key will do, on loopback only. */
  readonly credentials: string | undefined
  /** Names beside `localhost` and IP literals that a request's Host header may carry. */
  readonly hostNames: readonly string[]
  /** 0: no DNS responder. */
  readonly dnsPort: number
  readonly drainSeconds: number
  /** Per UDP listener. */
  readonly udpFlows: number
  /** Use the kernel's nftables where this process may. */
  readonly kernel: boolean
  /** The operator lets Sluice change kernel settings that it needs. */
  readonly sysctl: boolean
  /** What runs ECS tasks; with `none` nothing does, and they stay PROVISIONING. */
  readonly tasks: 'none' | 'process' | 'docker'
  /** Who runs processes as tasks where we are root. */
  readonly taskUser: string
  /** `http://...`, `https://...` or `exec:COMMAND`, by the name or ARN of the Lambda function that an AppSpec, or an ECS service's lifecycle hook, names. */
  readonly hooks: Readonly<Record<string, string>>
  /** A seed that was not given has been drawn. */
  readonly timing: Timing
}

interface Flag {
  /** What stands for its value in the help; empty: it is true or false. */
  readonly value: string
  readonly default: string
  readonly help: string
}

/** Every flag, with its default. Its environment variable is `SLUICE_` and its name: `--data-dir` is `SLUICE_DATA_DIR`. */
const flags: Readonly<Record<string, Flag>> = {
  host: {
    value: 'ADDRESS',
    default: '127.0.0.1',
    help: 'where the API listens; beyond loopback it needs --credentials',
  },
  port: { value: 'PORT', default: '4566', help: 'the API’s port' },
  'data-dir': { value: 'DIR', default: '.sluice', help: 'what was asked for, and the last good state' },
  example: {
    value: '',
    default: 'true',
    help: 'set up the load balancer "hello" in an empty data directory (--no-example: do not)',
  },
  workers: {
    value: 'N',
    default: String(availableParallelism()),
    help: 'processes that move packets (default: the cores)',
  },
  account: { value: 'ID', default: '000000000000', help: 'account that ARNs carry' },
  region: { value: 'NAME', default: 'us-east-1', help: 'region that ARNs carry; a request may be signed for any' },
  credentials: { value: 'FILE', default: '', help: 'verify signatures against these keys (AWS’s format, mode 0600)' },
  'host-names': { value: 'A,B', default: '', help: 'names under which the API is reached, beside localhost' },
  'dns-port': { value: 'PORT', default: '4553', help: 'DNS responder on 127.0.0.1, for load balancer names; 0: none' },
  'drain-seconds': { value: 'N', default: '10', help: 'how long established connections may finish at a stop' },
  'udp-flows': { value: 'N', default: '16384', help: 'flows that one UDP listener keeps; the longest idle goes first' },
  kernel: {
    value: '',
    default: 'true',
    help: 'serve in the kernel (nftables) what it can, where permitted (--no-kernel: all in userspace)',
  },
  sysctl: {
    value: '',
    default: 'false',
    help: 'set kernel settings that are needed, such as net.ipv4.ip_forward; put back at the end',
  },
  tasks: {
    value: 'KIND',
    default: 'none',
    help: 'what runs ECS tasks: process (of this host), docker, or none',
  },
  'task-user': { value: 'NAME', default: 'nobody', help: 'who runs processes as tasks, where Sluice is root' },
  hook: {
    value: 'NAME=WHAT',
    default: '',
    help: 'what a hook of CodeDeploy’s or ECS’s deployments calls: http://... or exec:COMMAND (several: again, or a space between)',
  },
  timing: {
    value: 'PROFILE',
    default: 'instant',
    help: 'play AWS’s delays in taking changes over: aws-alb, aws-nlb, aws (both), or instant (none)',
  },
  'time-scale': { value: 'N', default: '1', help: 'with --timing: so many times as fast as AWS' },
  'timing-seed': { value: 'N', default: '', help: 'with --timing: the same seed draws the same delays (default: any)' },
}

/** Of `Timing`: 32 bits. */
const seeds = 2 ** 32

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {}

/**
 * Options from the command line, then the environment, then the defaults.
 * @throws UsageError naming the flag or variable and what it must be
 */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): Options {
  const given = parse(args)
  const text = (name: string) => {
    const fromFlag = given[name]
    if (fromFlag !== undefined) return { value: fromFlag, source: `--${name}` }
    const variable = `SLUICE_${name.toUpperCase().replaceAll('-', '_')}`
    const fromEnvironment = environment[variable]
    if (fromEnvironment !== undefined && fromEnvironment !== '') return { value: fromEnvironment, source: variable }
    return { value: flags[name]?.default ?? '', source: `--${name}` }
  }
  const integer = (name: string, least: number, most: number) => {
    const { value, source } = text(name)
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= least && number <= most) return number
    throw new UsageError(`${source} must be a whole number from ${least} to ${most}, not '${value}'`)
  }
  const matching = (name: string, pattern: RegExp, what: string) => {
    const { value, source } = text(name)
    if (pattern.test(value)) return value
    throw new UsageError(`${source} must be ${what}, not '${value}'`)
  }
  const boolean = (name: string) =>
    matching(name, /^(true|false|1|0)$/, 'true or false') !== 'false' && text(name).value !== '0'

  const host = text('host')
  if (isIP(host.value) === 0) throw new UsageError(`${host.source} must be an IP address, not '${host.value}'`)
  const credentials = text('credentials').value
  if (credentials === '' && !isLoopback(host.value)) {
    throw new UsageError(
      `${host.source} ${host.value} is reachable from other machines, so the API would be open to them: add --credentials FILE, or stay on 127.0.0.1`,
    )
  }
  for (const name of ['time-scale', 'timing-seed'])
    if (text(name).value !== flags[name]?.default && text('timing').value === flags.timing?.default)
      throw new UsageError(`${text(name).source} goes with --timing aws-alb, aws-nlb or aws`)
  return {
    host: host.value,
    port: integer('port', 0, 65_535),
    dataDir: resolve(text('data-dir').value),
    example: boolean('example'),
    workers: integer('workers', 1, 256),
    account: matching('account', /^\d{12}$/, 'twelve digits'),
    region: matching('region', /^[a-z0-9-]{1,32}$/, 'a region name like us-east-1'),
    credentials: credentials === '' ? undefined : resolve(credentials),
    hostNames: text('host-names')
      .value.split(',')
      .filter(name => name !== ''),
    dnsPort: integer('dns-port', 0, 65_535),
    drainSeconds: integer('drain-seconds', 0, 3_600),
    udpFlows: integer('udp-flows', 1, 10_000_000),
    kernel: boolean('kernel'),
    sysctl: boolean('sysctl'),
    tasks: matching('tasks', /^(none|process|docker)$/, 'none, process or docker') as Options['tasks'],
    taskUser: text('task-user').value,
    hooks: hooksOf(text('hook')),
    timing: {
      profile: matching(
        'timing',
        new RegExp(`^(${timingProfiles.join('|')})$`),
        'instant, aws-alb, aws-nlb or aws',
      ) as Timing['profile'],
      scale: integer('time-scale', 1, 10_000),
      seed: text('timing-seed').value === '' ? randomInt(seeds) : integer('timing-seed', 0, seeds - 1),
    },
  }
}

/** `smoke=http://127.0.0.1:9000/ CodeDeployHook_x=exec:./check.sh` */
function hooksOf({ value, source }: { readonly value: string; readonly source: string }): Options['hooks'] {
  const hooks: Record<string, string> = {}
  for (const hook of value.split(/ +(?=[^ =]+=(?:https?:\/\/|exec:))/).filter(text => text !== '')) {
    const [, name, what] = /^([^ =]+)=((?:https?:\/\/|exec:).+)$/.exec(hook) ?? []
    if (name === undefined || what === undefined)
      throw new UsageError(`${source} must be NAME=http://... or NAME=exec:COMMAND, not '${hook}'`)
    hooks[name] = what
  }
  return hooks
}

/** The help text of the flags, a line each. */
export function describeFlags(): string {
  return Object.entries(flags)
    .map(([name, flag]) => {
      const left = `  --${name}${flag.value === '' ? '' : ` ${flag.value}`}`
      const shown = flag.default === '' || name === 'workers' ? '' : ` [${flag.default}]`
      return `${left.padEnd(26)}${flag.help}${shown}`
    })
    .join('\n')
}

function parse(args: readonly string[]): Record<string, string | undefined> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [
      name,
      value === '' ? { type: 'boolean' as const } : { type: 'string' as const, multiple: name === 'hook' },
    ]),
  )
  try {
    const { values } = parseArgs({ args: [...args], options, allowNegative: true, strict: true })
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.join(' ') : String(value)]),
    )
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('\n')[0]} (see: sluice help)`)
  }
}
