import type { Netlink } from '../netlink/netlink.ts'
import { NetlinkMessages, NFNL_SUBSYS_NFTABLES } from '../netlink/netlink-message.ts'

/** A message that the kernel refused, or that could not even be written. */
export interface Rejection<Owner> {
  /** `undefined`: it is nobody's message alone. */
  readonly owner: Owner | undefined
  readonly error: Error & { readonly code?: string }
}

/** One transaction: its messages, and on whose behalf each of them is. */
export class Batch<Owner> {
  readonly #messages = new NetlinkMessages(1 << 16)
  readonly #owners: (Owner | undefined)[] = []
  readonly #unwritten: Rejection<Owner>[] = []

  constructor() {
    this.#messages.batchBegin(NFNL_SUBSYS_NFTABLES)
    this.#owners.push(undefined)
  }

  get isEmpty(): boolean {
    return this.#messages.count === 1
  }

  /** It will keep the kernel, and so this process, busy for about 50 ms. */
  get isLarge(): boolean {
    return this.#messages.length + this.#messages.count * bytesWorthAMessage > mostBytes
  }

  add(owner: Owner | undefined, write: (m: NetlinkMessages) => void): void {
    try {
      write(this.#messages)
    } catch (error) {
      this.#unwritten.push({ owner, error: error as Error })
    }
    while (this.#owners.length < this.#messages.count) this.#owners.push(owner)
  }

  /** @returns nothing if all went in, else all that kept it from that: then nothing did */
  send(netlink: Netlink): readonly Rejection<Owner>[] {
    if (this.#unwritten.length > 0) return this.#unwritten
    this.#messages.batchEnd(NFNL_SUBSYS_NFTABLES)
    return netlink.attempt(this.#messages).map(error => ({ owner: this.#owners[error.index], error }))
  }
}

/** The first rejection of each owner's. @throws one that is nobody's */
export function blamed<Owner>(rejections: readonly Rejection<Owner>[]): ReadonlyMap<Owner, Rejection<Owner>['error']> {
  const errors = new Map<Owner, Rejection<Owner>['error']>()
  for (const { owner, error } of rejections) {
    if (owner === undefined) throw error
    if (!errors.has(owner)) errors.set(owner, error)
  }
  return errors
}

/** Measured: a slot of 28 bytes takes the kernel 1.1 us, and a message without many of them, as a new set, 20 us. */
const mostBytes = 1 << 20
const bytesWorthAMessage = 500
