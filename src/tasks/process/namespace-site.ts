import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { Place } from '../runtime.ts'
import { isOfTask, processesWhere } from './process-table.ts'
import type { Site } from './site.ts'

/**
 * Where tasks have their addresses. Target groups take what is of RFC 6598 (100.64.0.0/10), and of that this is the part that
 * Tailscale leaves to others: it drops all the rest that does not come from its own link.
 */
export const taskRange = '100.115.92.0/23'
/** This host's end of each task's link, and its way to everywhere. */
const hostAddress = '100.115.92.1'
/** The first and last of the range are nobody's, the second is the host's. */
const firstAddress = 2
const addressCount = 508

const networks = '/var/run/netns'
const CLONE_NEWNET = 0x40000000
/** Marks our routes, as in `engine/local-range.ts`. */
const proto = ['proto', '83']

/**
 * A network namespace for each task, with an address of its own: what binds 0.0.0.0 there is in nobody's way, and the client's
 * address is kept, because every answer comes back through this host. Each is `sluice-HASH-TASK` in `ip netns`, where HASH
 * is the data directory's, with a pair of links of /32 addresses: no task is another's neighbor, whatever reaches it was routed.
 * Clients on other hosts reach it where net.ipv4.ip_forward is on, which the engine sees to.
 *
 * Addresses are reserved by their routes, which no two Sluices can make; what runs there is known by its namespace.
 */
export class NamespaceSite implements Site {
  readonly sharesPorts = false
  readonly #prefix: string
  readonly #setns: (fd: number, type: number) => number

  /** @throws Error with one line for the operator: why this can't be done here */
  static async open(dataDir: string): Promise<NamespaceSite> {
    if (process.platform !== 'linux') throw new Error('this is not Linux')
    if (process.getuid?.() !== 0) throw new Error('Sluice is not root')
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'
    for (const [name, bit] of Object.entries({ CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n }))
      if (((BigInt(`0x${effective}`) >> bit) & 1n) === 0n) throw new Error(`Sluice lacks ${name}`)
    await ip(['-V']).catch(() => {
      throw new Error('there is no program `ip` (Debian: iproute2)')
    })
    const ffi = await import('node:ffi').catch(() => {
      throw new Error('this Node.js has no node:ffi')
    })
    const { functions } = ffi.dlopen(null, { setns: { arguments: ['int32', 'int32'], return: 'int32' } })
    return new NamespaceSite(dataDir, functions.setns)
  }

  private constructor(dataDir: string, setns: (fd: number, type: number) => number) {
    this.#prefix = `sluice-${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}-`
    this.#setns = setns
  }

  async prepare({ id, ports }: Parameters<Site['prepare']>[0]): Promise<Place> {
    const [name, link] = [this.#nameOf(id), linkOf(id)]
    await ip(
      ['-batch', '-'],
      [
        `netns add ${name}`,
        `link add ${link} type veth peer name eth0 netns ${name}`,
        `link set ${link} addrgenmode none`,
        `addr add ${hostAddress}/32 dev ${link}`,
        `link set ${link} up`,
        // So that what a task had is refused once it is gone, and does not leave for somewhere else.
        `route replace unreachable ${taskRange} ${proto.join(' ')}`,
      ],
    )
    const address = await this.#reserve(id, link)
    await ip(
      ['-n', name, '-batch', '-'],
      [
        'link set lo up',
        `addr add ${address}/32 dev eth0`,
        'link set eth0 addrgenmode none up',
        `route add ${hostAddress}/32 dev eth0`,
        `route add default via ${hostAddress}`,
      ],
    )
    this.within(id, () => {
      // As in Docker: whoever the task is, there is nobody else whose port 80 it could take.
      writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0')
    })
    return { address, ports: Object.fromEntries(ports.map(({ containerPort }) => [containerPort, containerPort])) }
  }

  adopt(): void {}

  /** This thread is there meanwhile, and children are born where their parent's thread is. */
  within<Made>(id: string, spawn: () => Made): Made {
    const there = openSync(`${networks}/${this.#nameOf(id)}`, 'r')
    const here = openSync('/proc/self/ns/net', 'r')
    try {
      this.#enter(there)
      return spawn()
    } finally {
      this.#enter(here)
      closeSync(here)
      closeSync(there)
    }
  }

  async pids(id: string): Promise<readonly number[]> {
    const namespace = statSync(`${networks}/${this.#nameOf(id)}`, { throwIfNoEntry: false })?.ino
    // What a task starts may clear its environment, or make itself a namespace of its own (a user may do that).
    return processesWhere(pid => statSync(`/proc/${pid}/ns/net`).ino === namespace || isOfTask(pid, id))
  }

  async present(): Promise<readonly string[]> {
    return namesIn(networks)
      .filter(name => name.startsWith(this.#prefix))
      .map(name => name.slice(this.#prefix.length))
  }

  async remove(id: string): Promise<void> {
    const name = this.#nameOf(id)
    // Its route goes with it. It would go with its namespace, too, but later.
    await ip(['link', 'del', linkOf(id)]).catch((error: Error) => {
      if (!error.message.includes('Cannot find device')) throw error
    })
    if (namesIn(networks).includes(name)) await ip(['netns', 'del', name])
  }

  async close(): Promise<void> {
    const routes = (await ip(['route', 'show', 'root', taskRange, ...proto])).trim().split('\n')
    if (routes.length === 1 && routes[0] !== '') await ip(['route', 'del', 'unreachable', taskRange, ...proto])
  }

  async #reserve(id: string, link: string): Promise<string> {
    const start = Number.parseInt(id.slice(0, 8), 16)
    for (let i = 0; i < addressCount; i++) {
      const number = firstAddress + ((start + i) % addressCount)
      const address = `100.115.${92 + (number >> 8)}.${number & 255}`
      try {
        await ip(['route', 'add', `${address}/32`, 'dev', link, 'src', hostAddress, ...proto])
        return address
      } catch (error) {
        if (!(error as Error).message.includes('File exists')) throw error
      }
    }
    throw new Error(`no address of ${taskRange} is free`)
  }

  #nameOf(id: string): string {
    return `${this.#prefix}${id}`
  }

  #enter(fd: number): void {
    if (this.#setns(fd, CLONE_NEWNET) !== 0) throw new Error('setns failed')
  }
}

/** 15 characters at most. */
function linkOf(id: string): string {
  return `sluice-${id.slice(0, 8)}`
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** @throws Error with what `ip` says, in one line */
function ip(args: readonly string[], commands: readonly string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', args, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`ip ${args.join(' ')}: ${stderr.trim().split('\n')[0] || error.message}`))
    })
    // It may end before it has read all.
    child.stdin?.on('error', () => {})
    child.stdin?.end(commands.map(command => `${command}\n`).join(''))
  })
}
