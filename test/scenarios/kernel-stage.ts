/** The kernel engine between hosts, for tests of what it does to packets. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { type KernelStage, openKernelStage, type Service } from '../../bench/stage/kernel.ts'
import type { Host } from '../../bench/stage/namespaces.ts'
import { lacking } from '../lacking.ts'
import type { RawPacket } from './send-raw.fixture.ts'
import { has } from './sluice.ts'

/**
 * Hosts with an echo on port 9000 of each target, t1, t2, ...; this process is on the balancer. `undefined` where this machine
 * lacks something, which is said then. It ends with the test.
 */
export async function kernelStage(t: TestContext, targetCount: number): Promise<KernelStage | undefined> {
  const lacks = process.getuid?.() !== 0 ? 'root' : ['ip', 'nft', 'conntrack'].find(program => !has(program))
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
  await first(start(host, '../../bench/stage/echo.ts', name, port))
}

/** Connections that say nothing (reset-idle.fixture.ts), once they are there, or their service is. */
export async function idle(host: Host, role: 'client' | 'target', ...args: readonly (string | number)[]) {
  const output = start(host, '../../src/engine/nftables/flows/reset-idle.fixture.ts', role, ...args)
  const lines = createInterface(output)[Symbol.asyncIterator]()
  await lines.next()
  return {
    /** How they ended, once all have. */
    ends: async (): Promise<object> => JSON.parse(String((await inTime('they end', lines.next())).value)).ends,
  }
}

/** What a fixture that is run in this host prints as JSON. */
export async function ask<T>(host: Host, fixture: string, ...args: readonly (string | number)[]): Promise<T> {
  return JSON.parse(await inTime(`${fixture} ends`, text(start(host, fixture, ...args))))
}

/** A test fails sooner than it is given up. */
async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(20_000)
  const late = once(deadline, 'abort').then(() => {
    throw new Error(`waited 20 s in vain: ${what}`)
  })
  return await Promise.race([promise, late])
}

/** Sends packets from this host as they are, whoever they claim to come from: arguments of `tcpPacket` and the like. */
export async function sendRaw(host: Host, ...packets: readonly RawPacket[]): Promise<void> {
  assert.equal(await ask(host, 'send-raw.fixture.ts', JSON.stringify(packets)), packets.length)
}

function start(host: Host, file: string, ...args: readonly (string | number)[]): Readable {
  const program = [quiet, join(import.meta.dirname, file), ...args.map(String)]
  const { stdout } = host.start(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] })
  return stdout!
}

async function first(output: Readable): Promise<void> {
  await once(output, 'data')
}

/** Addresses in both families: of the balancer, the client, target N, and of nobody. */
export const families = [
  { vip: '10.9.0.1', client: '10.9.0.2', target: (n: number) => `10.9.${n}.2`, spoofed: (n: number) => `10.77.0.${n}` },
  { vip: 'fd09::1', client: 'fd09::2', target: (n: number) => `fd09:${n}::2`, spoofed: (n: number) => `fd77::${n}` },
] as const

/** A listener in front of these addresses, at the echo's port unless it is said otherwise. */
export function service(
  protocol: Service['protocol'],
  address: string,
  port: number,
  targets: readonly string[],
  { targetPort = 9000, ...rest }: Partial<Service> & { readonly targetPort?: number } = {},
): Service {
  return { protocol, address, port, targets: targets.map(address => ({ address, port: targetPort })), ...rest }
}

/** Counts what comes in to a host from now on and matches; nft's words. */
export function watched(host: Host, family: 'ip' | 'ip6', match: string): () => number {
  const table = `watched${++watches}`
  host.run('nft', `add table ${family} ${table}`)
  host.run('nft', `add chain ${family} ${table} input { type filter hook prerouting priority -300; }`)
  host.run('nft', `add rule ${family} ${table} input ${match} counter`)
  return () => Number(/ packets (\d+) /.exec(host.run('nft', 'list', 'table', family, table))?.[1])
}

let watches = 0

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
