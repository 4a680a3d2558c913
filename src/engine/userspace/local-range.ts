import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { localIpv6Range, localRange } from '../../domain/addresses.ts'
import { addressIn, parseCidr } from '../../domain/cidr.ts'

const run = promisify(execFile)

const ipv4Range = parseCidr(localRange)!
const ipv6Range = parseCidr(localIpv6Range)!

/**
 * Makes addresses of the local ranges this host's own, where this process is root on Linux: by one `local` route for IPv4; for IPv6,
 * where bind(2) wants an address on an interface, by one address on `lo` each. It does so when a listener first needs it,
 * and takes back what it did itself.
 */
export class LocalRange {
  readonly #log: (line: string) => void
  readonly #done = new Set<string>()
  readonly #undo: string[][] = []

  constructor(log: (line: string) => void) {
    this.#log = log
  }

  /** Where this can't be done, binding fails and says so. */
  async prepare(addresses: Iterable<string>): Promise<void> {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return
    for (const address of addresses) {
      if (addressIn(ipv4Range, address)) await this.#once(localRange, addRoute)
      else if (addressIn(ipv6Range, address)) await this.#once(address, () => addAddress(address))
    }
  }

  async close(): Promise<void> {
    for (const args of this.#undo.splice(0)) await run('ip', args).catch(error => this.#warn(error))
    this.#done.clear()
  }

  async #once(key: string, add: () => Promise<string[] | undefined>): Promise<void> {
    if (this.#done.has(key)) return
    try {
      const undo = await add()
      if (undo !== undefined) this.#undo.push(undo)
      this.#done.add(key)
    } catch (error) {
      this.#warn(error)
    }
  }

  #warn(error: unknown): void {
    this.#log(`local addresses: ${error instanceof Error ? error.message.trim() : error}`)
  }
}

/** @returns what undoes it, or nothing if it was there already */
async function addRoute(): Promise<string[] | undefined> {
  const route = [localRange, 'dev', 'lo']
  const { stdout } = await run('ip', ['route', 'show', 'table', 'local', localRange])
  if (stdout.trim() !== '') return undefined
  await run('ip', ['route', 'replace', 'local', ...route])
  return ['route', 'del', 'local', ...route]
}

async function addAddress(address: string): Promise<string[] | undefined> {
  const { stdout } = await run('ip', ['-6', 'addr', 'show', 'dev', 'lo', 'to', `${address}/128`])
  if (stdout.trim() !== '') return undefined
  // Without duplicate address detection, which would keep it from being bound for a second.
  await run('ip', ['-6', 'addr', 'add', `${address}/128`, 'dev', 'lo', 'nodad'])
  return ['-6', 'addr', 'del', `${address}/128`, 'dev', 'lo']
}
