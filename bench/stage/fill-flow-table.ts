import { Conntrack } from '../../src/engine/nftables/flows/conntrack.ts'
import {
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  UDP,
} from '../../src/engine/nftables/flows/conntrack-entry.ts'
import { Netlink } from '../../src/engine/nftables/netlink/netlink.ts'
import {
  NetlinkMessages,
  NFNL_SUBSYS_CTNETLINK,
  NLM_F_CREATE,
} from '../../src/engine/nftables/netlink/netlink-message.ts'

/** Flows of this network namespace until its table is full, from 10.99.0.0/16, as if each had long had answers. */
export async function fillFlowTable(): Promise<void> {
  const conntrack = await Conntrack.open()
  const { flows, limit } = await conntrack.flowTable()
  await conntrack.close()
  const netlink = await Netlink.open()
  for (let from = 0; from < limit - flows; from += atOnce) {
    const messages = new NetlinkMessages(1 << 18)
    for (let n = from; n < Math.min(from + atOnce, limit - flows); n++) putFlow(messages, n)
    // What others have taken meanwhile is refused.
    netlink.attempt(messages)
  }
  netlink.close()
}

function putFlow(messages: NetlinkMessages, n: number): void {
  const client = Uint8Array.of(10, 99, (n >> 8) & 0xff, n & 0xff)
  const clientPort = 1_024 + (n >> 16)
  messages.message(CT_NEW, NLM_F_CREATE, AF_INET, 0, () => {
    putTuple(messages, CTA_TUPLE_ORIG, client, clientPort, service, servicePort)
    putTuple(messages, CTA_TUPLE_REPLY, service, servicePort, client, clientPort)
    messages.u32(CTA_STATUS, seenReply | assured | confirmed)
    messages.u32(CTA_TIMEOUT, 120)
  })
}

function putTuple(
  messages: NetlinkMessages,
  type: number,
  from: Uint8Array,
  fromPort: number,
  to: Uint8Array,
  toPort: number,
): void {
  messages.nest(type, () => {
    messages.nest(CTA_TUPLE_IP, () => {
      messages.bytes(CTA_IP_V4_SRC, from)
      messages.bytes(CTA_IP_V4_DST, to)
    })
    messages.nest(CTA_TUPLE_PROTO, () => {
      messages.u8(CTA_PROTO_NUM, UDP)
      messages.u16(CTA_PROTO_SRC_PORT, fromPort)
      messages.u16(CTA_PROTO_DST_PORT, toPort)
    })
  })
}

const service = Uint8Array.of(10, 98, 0, 1)
const servicePort = 53
const atOnce = 1_000
const AF_INET = 2
const CT_NEW = NFNL_SUBSYS_CTNETLINK << 8
const CTA_IP_V4_SRC = 1
const CTA_IP_V4_DST = 2
/** Bits of `enum ip_conntrack_status`. */
const seenReply = 2
const assured = 4
const confirmed = 8
