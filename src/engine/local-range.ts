import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { localIpv6Range, localRange } from '../domain/addresses.ts'
import { addressIn, parseCidr } from '../domain/cidr.ts'
import { isNetworkAdmin } from './network-admin.ts'

const run = promisify(execFile)

const ipv4Range = parseCidr(localRange)!
const ipv6Range = parseCidr(localIpv6Range)!

interface LocalRangeOptions {
  /** Other Sluices here, by any name: they may use the ranges, too. Absent, or `undefined`: nobody can tell. */
  neighbors?(): Promise<readonly string[] | undefined>
  /** One line for the operator. */
  log(line: string): void
}

/**
 * Makes addresses of the local ranges this host's own, where this process may: by one `local` route for IPv4; for IPv6,
 * where bind(2) wants an address on an interface, by one address on `lo` each. It does so when a listener first needs it. They
 * stay when this process dies; the last Sluice that stops in order takes them all away.
 */
export class LocalRange {
  readonly #options: LocalRangeOptions
  readonly #mayAdd = isNetworkAdmin()
  /** Addresses that need nothing more, and the IPv4 range once it has its route. */
  readonly #done = new Set<string>()
  /** What this process added. */
  readonly #added = new Set<string>()

  constructor(options: LocalRangeOptions) {
    this.#options = options
  }

  /** Where this can't be done, binding fails and says so; the next call tries again. */
  async prepare(addresses: Iterable<string>): Promise<void> {
    if (!this.#mayAdd) return
    for (const address of addresses)
      if (!this.#done.has(address) && (await this.#makeOwn(address))) this.#done.add(address)
  }

  /** @returns what it took away: `198.18.0.0/15`, `fd53:4c55::1` */
  async close(): Promise<readonly string[]> {
    const removed: string[] = []
    if (!this.#mayAdd) return removed
    const neighbors = await this.#options.neighbors?.()
    if (neighbors !== undefined && neighbors.length > 0) return removed
    try {
      for (const what of await present()) {
        if (neighbors === undefined && !this.#added.has(what)) continue
        await run(
          'ip',
          what === localRange ? ['route', 'del', ...ourRoute] : ['-6', 'addr', 'del', ...onLoopback(what)],
        )
        removed.push(what)
      }
    } catch (error) {
      this.#warn(error)
    }
    this.#done.clear()
    return removed
  }

  /** False: it should be this host's own, and is not. */
  async #makeOwn(address: string): Promise<boolean> {
    if (addressIn(ipv4Range, address)) return this.#done.has(localRange) || this.#add(localRange, addRoute)
    if (addressIn(ipv6Range, address)) return this.#add(address, () => addAddress(address))
    return true
  }

  /** @param add answers whether it was not there already */
  async #add(what: string, add: () => Promise<boolean>): Promise<boolean> {
    try {
      if (await add()) this.#added.add(what)
      this.#done.add(what)
      return true
    } catch (error) {
      this.#warn(error)
      return false
    }
  }

  #warn(error: unknown): void {
    this.#options.log(`local addresses: ${error instanceof Error ? error.message.trim() : error}`)
  }
}

/**
 * With a mark of ours in the place of a routing daemon's (rt_protos(5); nobody registered it), so that a route that somebody else
 * made is not taken for ours. IPv6 addresses cannot carry one, and need none: nobody else's are in that range (RFC 4193, 3.2.2).
 */
const ourRoute = ['local', localRange, 'dev', 'lo', 'proto', '83']

function onLoopback(address: string): string[] {
  return [`${address}/128`, 'dev', 'lo']
}

async function addRoute(): Promise<boolean> {
  const { stdout } = await run('ip', ['route', 'show', 'table', 'local', localRange])
  if (stdout.trim() !== '') return false
  await run('ip', ['route', 'replace', ...ourRoute])
  return true
}

async function addAddress(address: string): Promise<boolean> {
  const { stdout } = await run('ip', ['-6', 'addr', 'show', 'dev', 'lo', 'to', `${address}/128`])
  if (stdout.trim() !== '') return false
  // Without duplicate address detection, which would keep it from being bound for a second.
  await run('ip', ['-6', 'addr', 'add', ...onLoopback(address), 'nodad'])
  return true
}

/** What Sluices have made this host's own. */
async function present(): Promise<readonly string[]> {
  const [routes, addresses] = await Promise.all([
    run('ip', ['route', 'show', 'table', 'local', 'proto', '83', localRange]),
    run('ip', ['-6', '-o', 'addr', 'show', 'dev', 'lo', 'to', localIpv6Range]),
  ])
  return [
    ...(routes.stdout.trim() === '' ? [] : [localRange]),
    ...Array.from(addresses.stdout.matchAll(/ inet6 (\S+)\/128 /g), ([, address]) => String(address)),
  ]
}
