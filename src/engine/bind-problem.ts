import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { writeAddress } from '../domain/cidr.ts'
import type { SnapshotListener } from '../domain/snapshot.ts'
import type { Problem } from './engine.ts'

/** A process that has a port: its name, and the link in /proc by which it has the socket. */
interface Holder {
  readonly name: string
  readonly link: string
  readonly socket: string
}

/**
 * Says to the operator why listeners could not be bound. Looking for who has a port goes through every file of every process,
 * a second on a busy host, so it is done once: while a port stays taken, each change of the data plane asks again.
 */
export class BindProblems {
  /** By `SnapshotListener.id`; `undefined`: nobody that we may see. */
  #holders = new Map<string, Holder | undefined>()

  /** @param codes the system's errors by `SnapshotListener.id` */
  async of(listeners: readonly SnapshotListener[], codes: ReadonlyMap<string, string>): Promise<readonly Problem[]> {
    const failed = listeners.filter(({ id }) => codes.has(id))
    await this.#look(failed.filter(({ id }) => codes.get(id) === 'EADDRINUSE'))
    return failed.map(listener => ({
      listener: listener.id,
      listenerArn: listener.listenerArn,
      reason: explain(listener, codes.get(listener.id) ?? '', this.#holders.get(listener.id)?.name),
    }))
  }

  async #look(taken: readonly SnapshotListener[]): Promise<void> {
    const before = this.#holders
    this.#holders = new Map()
    const unknown: SnapshotListener[] = []
    for (const listener of taken) {
      const holder = before.get(listener.id)
      const isStill = holder === undefined ? before.has(listener.id) : (await target(holder.link)) === holder.socket
      if (isStill) this.#holders.set(listener.id, holder)
      else unknown.push(listener)
    }
    if (unknown.length === 0) return
    const found = await findHolders(unknown)
    for (const { id } of unknown) this.#holders.set(id, found.get(id))
  }
}

function explain({ protocol, address, port }: SnapshotListener, code: string, holder: string | undefined): string {
  switch (code) {
    case 'EADDRNOTAVAIL':
      return `address ${address} is not on this host`
    case 'EADDRINUSE':
      return `port ${port} on ${address} is taken by ${holder ?? 'another program'}`
    case 'EACCES':
      return `no permission to listen on port ${port}: ports below 1024 need root or CAP_NET_BIND_SERVICE`
    case 'EAFNOSUPPORT':
      return `address ${address} can't be used: this host has no ${address.includes(':') ? 'IPv6' : 'IPv4'}`
    case 'EMFILE':
    case 'ENFILE':
      return `too many open files to listen on port ${port}: raise the limit (ulimit -n)`
    default:
      return `can't listen on ${protocol} ${address} port ${port}: ${code}`
  }
}

/** Who holds each listener's port, by `SnapshotListener.id`: as far as Linux tells and this user may see. */
async function findHolders(listeners: readonly SnapshotListener[]): Promise<ReadonlyMap<string, Holder>> {
  const listenersBySocket = new Map<string, string[]>()
  for (const listener of listeners)
    for (const inode of await socketsOn(listener)) {
      const socket = `socket:[${inode}]`
      listenersBySocket.set(socket, [...(listenersBySocket.get(socket) ?? []), listener.id])
    }
  const holders = new Map<string, Holder>()
  if (listenersBySocket.size === 0) return holders
  for (const pid of await entries('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    for (const fd of await entries(`/proc/${pid}/fd`)) {
      const link = `/proc/${pid}/fd/${fd}`
      const socket = await target(link)
      const ids = listenersBySocket.get(socket)
      if (ids === undefined) continue
      const program = basename(await target(`/proc/${pid}/exe`)) || 'a program'
      for (const id of ids) if (!holders.has(id)) holders.set(id, { name: `${program} (pid ${pid})`, link, socket })
    }
  }
  return holders
}

/** Inodes of the sockets that keep others from a listener's port: bound to its address, or to all. */
async function socketsOn({ protocol, address, port }: SnapshotListener): Promise<readonly string[]> {
  const own = kernelSpelling(address)
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes: string[] = []
  for (const table of protocol === 'TCP' ? ['tcp', 'tcp6'] : ['udp', 'udp6']) {
    const text = await readFile(`/proc/net/${table}`, 'latin1').catch(() => '')
    for (const line of text.split('\n')) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      const [localAddress, localPort] = local.split(':')
      // 0A is TCP_LISTEN: sockets of established connections keep nobody from listening.
      if (localPort !== hexPort || inode === undefined || (protocol === 'TCP' && state !== '0A')) continue
      if (localAddress === own || /^0+$/.test(localAddress ?? '')) inodes.push(inode)
    }
  }
  return inodes
}

/** `127.0.0.1` as /proc/net/tcp has it on a little-endian machine: `0100007F`, each 32-bit word with its bytes reversed. */
function kernelSpelling(address: string): string {
  const bytes = Buffer.alloc(16)
  const length = writeAddress(address, bytes, 0)
  return bytes.subarray(0, length).swap32().toString('hex').toUpperCase()
}

/** Processes end while we look, and those of others may be closed to us: then there is nothing to see. */
async function entries(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => [])
}

async function target(link: string): Promise<string> {
  return readlink(link).catch(() => '')
}
