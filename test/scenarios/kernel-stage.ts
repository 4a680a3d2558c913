/** The kernel engine between hosts, for tests of what it does to packets. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type KernelStage, openKernelStage, type Service } from '../../bench/stage/kernel.ts'
import type { Host } from '../../bench/stage/namespaces.ts'
import { lacking } from '../lacking.ts'
import { has } from './sluice.ts'

/**
 * Hosts with an echo on port 9000 of each target, t1, t2, ...; this process is on the balancer. `undefined` where this machine
 * lacks something, which is said then. It ends with the test.
 */
export async function kernelStage(t: TestContext, targetCount: number): Promise<KernelStage | undefined> {
  const lacks = process.getuid?.() !== 0 ? 'root' : ['ip', 'conntrack'].find(program => !has(program))
  if (lacks !== undefined) {
    lacking(t, lacks)
    return undefined
  }
  const stage = await openKernelStage(targetCount)
  t.after(() => stage.end())
  await Promise.all(stage.targets.map((target, n) => echo(target, `t${n + 1}`)))
  return stage
}

/** Starts the service of echo.ts. */
export async function echo(host: Host, name: string, port = 9000): Promise<void> {
  const program = join(import.meta.dirname, '../../bench/stage/echo.ts')
  const { stdout } = host.start(process.execPath, [quiet, program, name, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (stdout !== null) await once(stdout, 'data')
}

/** What a fixture that is run in this host prints as JSON. */
export async function ask<T>(host: Host, fixture: string, ...args: readonly (string | number)[]): Promise<T> {
  const program = [quiet, join(import.meta.dirname, fixture), ...args.map(String)]
  const { stdout } = host.start(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const text of stdout ?? []) output += text
  return JSON.parse(output)
}

/** Both families' addresses of the balancer, of targets 1 ... `count`, and of the client, as services need them. */
export const families = [
  { vip: '10.9.0.1', client: '10.9.0.2', target: (n: number) => `10.9.${n}.2` },
  { vip: 'fd09::1', client: 'fd09::2', target: (n: number) => `fd09:${n}::2` },
] as const

/** A listener in front of targets 1 ... `count`. */
export function service(
  protocol: Service['protocol'],
  address: string,
  port: number,
  targets: readonly string[],
  rest: Partial<Service> = {},
): Service {
  return { protocol, address, port, targets: targets.map(address => ({ address, port: 9000 })), ...rest }
}

/** Entries of conntrack on the balancer, as conntrack(8) prints them. */
export function entries(...filter: readonly string[]): readonly string[] {
  const family = filter.some(argument => argument.includes(':')) ? 'ipv6' : 'ipv4'
  const output = execFileSync('conntrack', ['-L', '-f', family, ...filter], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return output.split('\n').filter(line => line !== '')
}

const quiet = '--disable-warning=ExperimentalWarning'
