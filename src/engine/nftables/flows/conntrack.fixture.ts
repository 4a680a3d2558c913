/**
 * Runs in a network namespace of its own: puts flows into conntrack without any traffic, does to them what the first argument
 * says, and prints what came of it as JSON.
 */
import { parseAddress } from '../../../domain/cidr.ts'
import { Netlink } from '../netlink/netlink.ts'
import { NetlinkMessages, NFNL_SUBSYS_CTNETLINK, NLM_F_CREATE, NLM_F_EXCL } from '../netlink/netlink-message.ts'
import { Conntrack } from './conntrack.ts'
import {
  type ConntrackEntry,
  CTA_MARK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  TCP,
  tcpClose,
  tcpEstablished,
  tcpSynSent,
  tcpTimeWait,
  UDP,
} from './conntrack-entry.ts'

interface Made {
  readonly protocol: number
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  /** Where DNAT sends it, to port 9000. */
  readonly target?: string
  readonly mark?: number
  readonly tcpState?: number
  readonly zone?: number
}

const CT_NEW = NFNL_SUBSYS_CTNETLINK << 8
const CTA_NAT_DST = 13
const CTA_NAT_PROTO = 3
const CTA_PROTONAT_PORT_MIN = 1

function make(netlink: Netlink, flows: readonly Made[]): void {
  for (let from = 0; from < flows.length; from += 1_000) {
    const messages = new NetlinkMessages(1 << 18)
    for (const flow of flows.slice(from, from + 1_000)) put(messages, flow)
    netlink.send(messages)
  }
}

function put(messages: NetlinkMessages, flow: Made): void {
  const { protocol, source, sourcePort, destination, destinationPort, target, mark = 0, zone } = flow
  const isV4 = !source.includes(':')
  const tuple = (type: number, from: string, fromPort: number, to: string, toPort: number) =>
    messages.nest(type, () => {
      messages.nest(CTA_TUPLE_IP, () => {
        messages.bytes(isV4 ? 1 : 3, parseAddress(from)!)
        messages.bytes(isV4 ? 2 : 4, parseAddress(to)!)
      })
      messages.nest(CTA_TUPLE_PROTO, () => {
        messages.u8(CTA_PROTO_NUM, protocol)
        messages.u16(CTA_PROTO_SRC_PORT, fromPort)
        messages.u16(CTA_PROTO_DST_PORT, toPort)
      })
    })
  messages.message(CT_NEW, NLM_F_CREATE | NLM_F_EXCL, isV4 ? 2 : 10, 0, () => {
    tuple(CTA_TUPLE_ORIG, source, sourcePort, destination, destinationPort)
    tuple(CTA_TUPLE_REPLY, destination, destinationPort, source, sourcePort)
    messages.u32(CTA_STATUS, 8)
    messages.u32(CTA_TIMEOUT, 120)
    if (mark !== 0) messages.u32(CTA_MARK, mark)
    if (zone !== undefined) messages.u16(CTA_ZONE, zone)
    if (target !== undefined)
      messages.nest(CTA_NAT_DST, () => {
        messages.bytes(isV4 ? 1 : 4, parseAddress(target)!)
        messages.nest(CTA_NAT_PROTO, () => messages.u16(CTA_PROTONAT_PORT_MIN, 9000))
      })
    if (flow.tcpState !== undefined)
      messages.nest(CTA_PROTOINFO, () =>
        messages.nest(CTA_PROTOINFO_TCP, () => messages.u8(CTA_PROTOINFO_TCP_STATE, flow.tcpState!)),
      )
  })
}

function described(entry: ConntrackEntry) {
  const { family, protocol, listener, mark, status, tcpState, timeout, original, reply } = entry
  const tuple = (its: typeof original) => [[...its.source], its.sourcePort, [...its.destination], its.destinationPort]
  const isTimely = timeout > 100 && timeout <= 120
  return {
    family,
    protocol,
    listener,
    mark,
    status,
    tcpState,
    isTimely,
    original: tuple(original),
    reply: tuple(reply),
  }
}

const netlink = await Netlink.open()
const conntrack = await Conntrack.open()
const ours = { mark: 0xab000000, mask: 0xff000000 }

async function count(filter = ours): Promise<number> {
  let entries = 0
  await conntrack.each(filter, () => entries++)
  return entries
}

/** `number` flows of UDP and TCP by turns to a listener, with marks 0xab000001 ... 0xab00000a by turns. */
function many(number: number): Made[] {
  return Array.from({ length: number }, (_, i) => ({
    ...(i % 2 === 0 ? { protocol: TCP, tcpState: tcpEstablished } : { protocol: UDP }),
    source: `10.8.${i >> 14}.1`,
    sourcePort: 1024 + (i & 0x3fff),
    destination: '10.9.0.1',
    destinationPort: 8080,
    target: '10.9.1.2',
    mark: 0xab000001 + (i % 10),
  }))
}

const asked: Readonly<Record<string, () => Promise<unknown>>> = {
  async read() {
    const rest = { sourcePort: 5555, destinationPort: 8080 }
    make(netlink, [
      { protocol: UDP, source: '10.9.0.2', destination: '10.9.0.1', target: '10.9.1.2', mark: 0xab000001, ...rest },
      {
        protocol: TCP,
        tcpState: 3,
        source: 'fd09::2',
        destination: 'fd09::1',
        target: 'fd09:1::2',
        mark: 0xab000002,
        ...rest,
      },
      { protocol: UDP, source: '10.9.0.3', destination: '10.9.0.1', mark: 0xac000001, ...rest },
      { protocol: UDP, source: '10.9.0.4', destination: '10.9.0.1', ...rest },
    ])
    const kept: ConntrackEntry[] = []
    await conntrack.each(ours, entry => kept.push(entry.kept()))
    return kept.sort((a, b) => a.mark - b.mark).map(described)
  },

  async choose() {
    make(netlink, many(1_000))
    return [
      await count(),
      await count({ mark: 0xab000003, mask: 0xffffffff }),
      await count({ mark: 0xac000000, mask: 0xff000000 }),
    ]
  },

  async turns() {
    make(netlink, many(20_000))
    let turns = 0
    let isDone = false
    const turn = () => {
      turns++
      if (!isDone) setImmediate(turn)
    }
    turn()
    const entries = await count()
    isDone = true
    return { entries, turns }
  },

  async delete() {
    make(netlink, [...many(2_000), { ...many(1)[0]!, zone: 7 }])
    const kept: ConntrackEntry[] = []
    await conntrack.each(ours, entry => entry.mark % 2 === 0 && kept.push(entry.kept()))
    await conntrack.delete(kept)
    const left = await count()
    await conntrack.delete(kept)
    const zoned: ConntrackEntry[] = []
    await conntrack.each(ours, entry => entry.mark === 0xab000001 && zoned.push(entry.kept()))
    await conntrack.delete(zoned)
    return { left, zoned: zoned.length, inTheEnd: await count() }
  },

  async flowTable() {
    make(netlink, many(1_000))
    return conntrack.flowTable()
  },

  async unnatted() {
    const to = { destination: '10.9.0.1', destinationPort: 8080 }
    const from = (host: number) => ({ source: `10.9.0.${host}`, sourcePort: 5555 })
    const v6 = { source: 'fd09::2', sourcePort: 5555, destination: 'fd09::1', destinationPort: 8080 }
    make(netlink, [
      { protocol: UDP, ...from(2), ...to },
      { protocol: UDP, ...from(3), ...to, target: '10.9.1.2', mark: 0xab000001 },
      { protocol: UDP, ...from(4), ...to, destination: '10.9.0.5' },
      { protocol: UDP, ...from(5), ...to, destinationPort: 8081 },
      { protocol: TCP, tcpState: tcpSynSent, ...from(6), ...to },
      { protocol: TCP, tcpState: tcpEstablished, ...from(7), ...to },
      { protocol: TCP, tcpState: tcpTimeWait, ...from(8), ...to },
      { protocol: TCP, tcpState: tcpClose, ...from(9), ...to },
      { protocol: UDP, ...v6 },
      { protocol: UDP, ...v6, sourcePort: 5556, target: 'fd09:1::2' },
    ])
    const found = async (address: string, protocol: 'TCP' | 'UDP') => {
      const entries = await conntrack.unnatted([{ address, port: 8080, protocol }])
      return entries.map(({ original }) => `${original.source.at(-1)} ${original.sourcePort}`).sort()
    }
    const one = [await found('10.9.0.1', 'UDP'), await found('10.9.0.1', 'TCP'), await found('fd09::1', 'UDP')]
    const protocols = ['UDP', 'TCP'] as const
    const all = protocols.flatMap(protocol =>
      ['10.9.0.1', 'fd09::1'].map(address => ({ address, port: 8080, protocol })),
    )
    return [...one, [(await conntrack.unnatted(all)).length]]
  },
}

console.log(JSON.stringify(await asked[process.argv[2]!]!()))
await conntrack.close()
netlink.close()
