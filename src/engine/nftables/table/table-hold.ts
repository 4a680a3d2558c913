import type { Netlink } from '../netlink/netlink.ts'
import { NetlinkMessages, NFNL_SUBSYS_NFTABLES } from '../netlink/netlink-message.ts'
import { deleteTable, putTable } from './encode-table.ts'
import { findTable } from './read-table.ts'

/** This process's hold on a table: that it is there, that it is the same as before, and that nobody else changes it. */
export class TableHold {
  /** It was there when this process came. */
  readonly isAdopted: boolean
  readonly #netlink: Netlink
  readonly #name: string
  readonly #isToBeOwned: boolean
  readonly #comment: string | undefined
  #isOwned = false
  #handle = 0n

  /**
   * Takes the table, or makes it.
   * @param isToBeOwned others are to be kept from changing it, where the kernel (from 6.9 on) does that
   * @param comment of one that is made
   * @throws `EBUSY` where another process has it; NetlinkError: `EPERM`
   */
  constructor(netlink: Netlink, name: string, isToBeOwned: boolean, comment?: string) {
    this.#netlink = netlink
    this.#name = name
    this.#isToBeOwned = isToBeOwned
    this.#comment = comment
    this.isAdopted = findTable(netlink, name) !== undefined
    this.#take()
  }

  /** Nobody else can change the table while this process lives. */
  get isOwned(): boolean {
    return this.#isOwned
  }

  isThere(): boolean {
    return findTable(this.#netlink, this.#name)?.handle === this.#handle
  }

  /** Makes the table again, empty; or finds that there is another one of its name, which it leaves as it is. */
  remake(): 'made' | 'found' {
    if (findTable(this.#netlink, this.#name) === undefined) {
      this.#take()
      return 'made'
    }
    this.recognize()
    return 'found'
  }

  /** Writes into a transaction what puts an empty table in the place of the one that is there; `recognize` it afterwards. */
  putAnew(m: NetlinkMessages): void {
    deleteTable(m, this.#name)
    putTable(m, this.#name, this.#isOwned, this.#comment)
  }

  /** From now on the table is the one that is there now. */
  recognize(): void {
    this.#handle = findTable(this.#netlink, this.#name)?.handle ?? 0n
  }

  /** @throws NetlinkError: `EPERM` */
  delete(): void {
    const [error] = this.#attempt(m => deleteTable(m, this.#name))
    if (error !== undefined && error.code !== 'ENOENT') throw error
  }

  #take(): void {
    this.#isOwned = this.#isToBeOwned && this.#own()
    const found = findTable(this.#netlink, this.#name)
    if (!this.#isOwned && found?.owner !== undefined) {
      const message = `another process has the table '${this.#name}' (netlink port ${found.owner})`
      throw Object.assign(new Error(message), { code: 'EBUSY' })
    }
    if (found === undefined) {
      const [error] = this.#attempt(m => putTable(m, this.#name, false, this.#comment))
      if (error !== undefined) throw error
    }
    this.recognize()
  }

  /** Makes the table one of this process, or a dead one's table so; not where the kernel cannot, or another process has it. */
  #own(): boolean {
    const [error] = this.#attempt(m => putTable(m, this.#name, true, this.#comment))
    if (error === undefined) return true
    if (error.code === 'ENOTSUP' || findTable(this.#netlink, this.#name)?.owner !== undefined) return false
    throw error
  }

  #attempt(write: (m: NetlinkMessages) => void) {
    const m = new NetlinkMessages()
    m.batchBegin(NFNL_SUBSYS_NFTABLES)
    write(m)
    m.batchEnd(NFNL_SUBSYS_NFTABLES)
    return this.#netlink.attempt(m)
  }
}
