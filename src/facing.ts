import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Facing } from './domain/target-hosts.ts'

/** How long it may take to look up a few hundred routes. */
const patienceMs = 5_000

/**
 * How this host reaches these addresses, as its routing says (`ip route get`; Debian: iproute2). Never rejects: what cannot
 * be found out is `unknown`, with the reason.
 */
export async function facing(addresses: readonly string[]): Promise<(address: string) => Facing> {
  const unknown = (reason: string) => (): Facing => ({ kind: 'unknown', reason })
  if (addresses.length === 0) return unknown('nobody asked')
  try {
    // Of an address without a route it complains, and -force goes on to the next one.
    const batch = addresses.map(address => `route get ${address}\n`).join('')
    const routes = readRoutes(await ip(['-force', '-batch', '-'], batch), readMacs(await ip(['link', 'show'])))
    return address => routes.get(address) ?? { kind: 'unknown', reason: 'the balancing host has no route to it' }
  } catch {
    return unknown('the program ip (Debian: iproute2) is not on the balancing host')
  }
}

/** What `ip -json` prints. Rejects only where there is no such program. */
async function ip(args: readonly string[], input = ''): Promise<string> {
  const asking = promisify(execFile)('ip', ['-json', ...args], { timeout: patienceMs })
  asking.child.stdin?.on('error', () => {}).end(input)
  try {
    return (await asking).stdout
  } catch (error) {
    const { code, stdout = '' } = error as { code?: string | number; stdout?: string }
    if (code === 'ENOENT') throw error
    return stdout
  }
}

interface Route {
  readonly type?: string
  readonly dst: string
  readonly gateway?: string
  /** A router of the other address family (RFC 8950). */
  readonly via?: { readonly host: string }
  readonly dev: string
  readonly prefsrc: string
}

/** Reads what `ip -json route get` answered: a line for each address that has a route. */
export function readRoutes(text: string, macs: ReadonlyMap<string, string>): ReadonlyMap<string, Facing> {
  const routes = new Map<string, Facing>()
  for (const line of text.split('\n').filter(line => line.startsWith('['))) {
    for (const { type = 'unicast', dst, gateway, via, dev: device, prefsrc: address } of JSON.parse(line) as Route[]) {
      const router = gateway ?? via?.host
      const mac = macs.get(device)
      if (type === 'local') routes.set(dst, { kind: 'own' })
      else if (type !== 'unicast') routes.set(dst, { kind: 'unknown', reason: `it is a ${type} address` })
      else if (router !== undefined) routes.set(dst, { kind: 'router', address, device, router })
      else routes.set(dst, { kind: 'link', address, device, ...(mac !== undefined && { mac }) })
    }
  }
  return routes
}

interface Link {
  readonly ifname: string
  readonly link_type: string
  readonly address?: string
}

/**
 * Reads what `ip -json link show` answered: the hardware addresses of Ethernets, by device. Other links, such as tunnels, have
 * none or another kind. (/sys/class/net would say the same, but of the network namespace that it was mounted in.)
 */
export function readMacs(text: string): ReadonlyMap<string, string> {
  const links: readonly Link[] = text.startsWith('[') ? JSON.parse(text) : []
  return new Map(
    links.flatMap(({ ifname, link_type: type, address }) =>
      type === 'ether' && address !== undefined ? [[ifname, address] as const] : [],
    ),
  )
}
