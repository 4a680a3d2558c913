import { canonicalAddress, isIpv6 } from '../../../domain/cidr.ts'
import type { SnapshotListener } from '../../../domain/snapshot.ts'
import type { FlowTable } from '../../engine.ts'
import { Netlink, NetlinkError } from '../netlink/netlink.ts'
import { eachAttribute, NetlinkMessages, NFNL_SUBSYS_CTNETLINK, NLM_F_DUMP } from '../netlink/netlink-message.ts'
import {
  ConntrackEntry,
  CTA_MARK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  statusDstNat,
  TCP,
  tcpLastAck,
  tcpSynRecv,
  UDP,
} from './conntrack-entry.ts'

type Endpoint = Pick<SnapshotListener, 'protocol' | 'address' | 'port'>

/**
 * The kernel's table of flows (ctnetlink). An entry costs 3 us to read, nearly all of it the kernel's and on another thread,
 * and 2.6 us to delete. Calls are worked off one after another.
 */
export class Conntrack {
  readonly #netlink: Netlink
  #last: Promise<unknown> = Promise.resolve()

  /** @throws the system's error: `ENOSYS` */
  static async open(): Promise<Conntrack> {
    return new Conntrack(await Netlink.open())
  }

  private constructor(netlink: Netlink) {
    this.#netlink = netlink
  }

  /**
   * Hands over every entry of both families whose mark is `mark` as far as the bits of `mask` go; the kernel chooses them.
   * It is one object, used again: `kept` makes a copy. What begins or ends meanwhile may be left out.
   *
   * @throws NetlinkError: `EPERM`
   */
  each(
    { mark, mask }: { readonly mark: number; readonly mask: number },
    onEntry: (entry: ConntrackEntry) => void,
  ): Promise<void> {
    return this.#dump(0, onEntry, messages => {
      messages.u32(CTA_MARK, mark)
      messages.u32(CTA_MARK_MASK, mask)
    })
  }

  /**
   * Flows to these listeners that nobody's DNAT applies to, because they are older: for as long as their entries live, none of
   * the listeners' rules sees them. Connections of TCP that something has accepted are left out: they end on this host, at
   * whatever served the port before, and are none of the listener's.
   */
  async unnatted(listeners: readonly Endpoint[]): Promise<readonly ConntrackEntry[]> {
    const ids = new Set(
      listeners.map(({ protocol, address, port }) => `${protocol} ${canonicalAddress(address)} ${port}`),
    )
    const found: ConntrackEntry[] = []
    const onEntry = (entry: ConntrackEntry): void => {
      if (entry.protocol !== TCP && entry.protocol !== UDP) return
      const isAccepted = entry.tcpState >= tcpSynRecv && entry.tcpState <= tcpLastAck
      if ((entry.status & statusDstNat) === 0 && !isAccepted && ids.has(entry.listener)) found.push(entry.kept())
    }
    // Of many, one look at everything is cheaper than one for each. A kernel older than 5.8 does not know the filter.
    const [only, other] = listeners
    if (only !== undefined && other === undefined)
      await this.#dump(isIpv6(only.address) ? AF_INET6 : AF_INET, onEntry, messages => putAsked(messages, only))
    else if (only !== undefined) await this.#dump(0, onEntry, () => {})
    return found
  }

  /**
   * Ends these flows, kept entries, as far as they are still there; half a millisecond at a time.
   *
   * @throws NetlinkError: `EPERM`
   */
  delete(entries: readonly ConntrackEntry[]): Promise<void> {
    return this.#inTurn(async () => {
      for (let from = 0; from < entries.length; from += atOnce) {
        if (from > 0) await new Promise(resolve => setImmediate(resolve))
        const messages = new NetlinkMessages(atOnce * 128)
        for (const entry of entries.slice(from, from + atOnce))
          messages.message(CT_DELETE, 0, entry.family, 0, () => entry.putName(messages))
        try {
          this.#netlink.send(messages)
        } catch (error) {
          if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error
        }
      }
    })
  }

  /** @throws NetlinkError: `EPERM` */
  async flowTable(): Promise<FlowTable> {
    const total = { flows: 0, limit: 0, refused: 0, givenUp: 0, portless: 0 }
    await this.#inTurn(async () => {
      const ask = (type: number, flags: number, onAttribute: (type: number, value: number) => void): void => {
        const messages = new NetlinkMessages(64)
        messages.message(type, flags, 0, 0)
        this.#netlink.request(messages, (_type, view) => {
          eachAttribute(view, (type, at) => onAttribute(type, view.getUint32(at)))
        })
      }
      ask(CT_GET_STATS, 0, (type, value) => {
        if (type === CTA_STATS_GLOBAL_ENTRIES) total.flows = value
        else if (type === CTA_STATS_GLOBAL_MAX_ENTRIES) total.limit = value
      })
      // One message for each CPU.
      ask(CT_GET_STATS_CPU, NLM_F_DUMP, (type, value) => {
        if (type === CTA_STATS_EARLY_DROP) total.givenUp += value
        else if (type === CTA_STATS_DROP) total.refused += value
        else if (type === CTA_STATS_INSERT_FAILED) total.portless += value
      })
    })
    // A flow that cannot be entered as it would have to be counts as both.
    return { ...total, refused: Math.max(0, total.refused - total.portless) }
  }

  close(): Promise<void> {
    return this.#inTurn(async () => this.#netlink.close())
  }

  #dump(family: number, onEntry: (entry: ConntrackEntry) => void, filter: (messages: NetlinkMessages) => void) {
    return this.#inTurn(async () => {
      const messages = new NetlinkMessages(256)
      messages.message(CT_GET, NLM_F_DUMP, family, 0, () => filter(messages))
      const entry = new ConntrackEntry()
      await this.#netlink.stream(messages, (_type, view) => {
        entry.read(view)
        onEntry(entry)
      })
    })
  }

  /** One socket carries one conversation at a time. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => {})
    return mine
  }
}

/** Leaves out what asks for another protocol or port. */
function putAsked(messages: NetlinkMessages, { protocol, port }: Endpoint): void {
  messages.nest(CTA_TUPLE_ORIG, () => {
    messages.nest(CTA_TUPLE_PROTO, () => {
      messages.u8(CTA_PROTO_NUM, protocol === 'TCP' ? TCP : UDP)
      messages.u16(CTA_PROTO_DST_PORT, port)
    })
  })
  messages.nest(CTA_FILTER, () => {
    messages.bytes(CTA_FILTER_ORIG_FLAGS, protocolAndPort)
    messages.bytes(CTA_FILTER_REPLY_FLAGS, noFields)
  })
}

/** The kernel's answers to so many deletions in vain fit the socket's buffer. */
const atOnce = 200

/** In host order, unlike all else here. */
function hostOrder(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

/** `CTA_FILTER_FLAG`s: protocol and destination port. Not the address: Linux 6.18 leaves out the very IPv6 one that is asked for. */
const protocolAndPort = hostOrder(0x8 | 0x20)
const noFields = hostOrder(0)

const AF_INET = 2
const AF_INET6 = 10
const CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
const CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2
const CT_GET_STATS_CPU = (NFNL_SUBSYS_CTNETLINK << 8) | 4
const CT_GET_STATS = (NFNL_SUBSYS_CTNETLINK << 8) | 5
const CTA_STATS_INSERT_FAILED = 9
const CTA_STATS_DROP = 10
const CTA_STATS_EARLY_DROP = 11
const CTA_STATS_GLOBAL_ENTRIES = 1
const CTA_STATS_GLOBAL_MAX_ENTRIES = 2
const CTA_MARK_MASK = 21
const CTA_FILTER = 25
const CTA_FILTER_ORIG_FLAGS = 1
const CTA_FILTER_REPLY_FLAGS = 2
