/**
 * What the table is to hold, as data: pure, made by `compile.ts`, printed as nft's own syntax by `print-ruleset.ts`, put
 * into the kernel by `table.ts`. Only what our rules need is here, not all of nftables.
 */

/**
 * A ruleset in parts: one for each listener, each target group, what all share, what the host brings. A part that did not
 * change is the same object as before, and costs nothing to apply.
 */
export type Ruleset = ReadonlyMap<string, Part>

export interface Part {
  readonly name: string
  readonly counters: readonly string[]
  readonly timeouts: readonly Timeout[]
  readonly sets: readonly NftSet[]
  readonly chains: readonly Chain[]
  /** Elements of sets that several parts fill. Two parts may bring the same one; it goes with the last of them. */
  readonly elements: readonly SharedElement[]
}

/** To be filled in. */
export function emptyPart(name: string): Part {
  return { name, counters: [], timeouts: [], sets: [], chains: [], elements: [] }
}

/** How long conntrack remembers an idle flow (`ct timeout`), seconds. */
export interface Timeout {
  readonly name: string
  readonly protocol: 'tcp' | 'udp'
  /** TCP: `established` and `close_wait`, which one side has closed; UDP: `replied` and `unreplied`. */
  readonly policy: Readonly<Record<string, number>>
}

/** `proto` is one byte, `port` two, `mark` and `ifindex` four in host order; in a concatenation each is padded to four. */
export type FieldType = 'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service' | 'mark' | 'ifindex'

export interface NftSet {
  readonly name: string
  readonly key: readonly FieldType[]
  /** A map to verdicts, or to data; without it a set. */
  readonly data?: 'verdict' | readonly FieldType[]
  /** Keys are ranges. */
  readonly interval?: boolean
  /** Every element counts packets and bytes. */
  readonly counters?: boolean
  /** Rules add to it; elements go after this many seconds. */
  readonly dynamic?: { readonly timeoutSeconds: number; readonly size: number }
  /** `shared`: by the elements that parts bring. */
  readonly content: 'shared' | readonly Element[] | Slots
}

export interface Element {
  /** As text: `10.9.0.1`, `udp`; a number for ports, marks and interfaces. */
  readonly key: readonly (string | number)[]
  /** Last key of the range, inclusive, in sets of intervals; as many fields as the key. */
  readonly to?: readonly (string | number)[]
  readonly value?: Verdict | readonly (string | number)[]
  /** Shown by nft; what this is, for whoever reads the ruleset or takes it over. At most 120 bytes. */
  readonly comment?: string
}

export interface SharedElement extends Element {
  readonly set: string
}

export interface Verdict {
  readonly verdict: 'jump' | 'goto'
  readonly chain: string
}

/**
 * A map from 0 ... `marks.length` - 1 to marks. Applied slot by slot where it differs. Its content's digest is kept in the
 * kernel too, as one more element beyond the last slot, so that whoever takes the table over need not read a million slots.
 */
export interface Slots {
  readonly marks: Uint32Array
  readonly digest: number
}

export interface Chain {
  readonly name: string
  /** Where the kernel enters it; without it, only other rules do. */
  readonly hook?: {
    readonly type: 'filter' | 'nat'
    readonly hook: 'prerouting' | 'input' | 'output' | 'postrouting'
    readonly priority: number
  }
  readonly rules: readonly Rule[]
}

/** Statements from left to right; the first that does not match ends the rule. */
export type Rule = readonly Statement[]

/** What rules read of a packet. `th` is the transport header, for TCP and UDP alike. */
export type Field =
  | 'ip saddr'
  | 'ip daddr'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'th sport'
  | 'th dport'
  | 'tcp flags'
  | 'tcp sequence'
  | 'icmp type'
  | 'icmp code'
  | 'icmpv6 type'
  | 'icmpv6 code'
  | 'meta l4proto'
  | 'meta nfproto'
  | 'meta mark'
  | 'meta iif'
  | 'meta oif'
  | 'ct mark'
  | 'ct state'
  | 'ct status'
  | 'ct direction'
  | 'ct original ip daddr'
  | 'ct original ip6 daddr'
  | 'ct original proto-dst'
  | 'ct reply ip saddr'
  | 'ct reply ip6 saddr'
  | 'fib saddr type'
  | 'fib saddr . iif oif'

/** Numbers of the kernel, for the fields that are enumerations or bits. */
export const protoTcp = 6
export const protoIcmp = 1
export const protoUdp = 17
export const protoIcmpv6 = 58
export const nfprotoIpv4 = 2
export const nfprotoIpv6 = 10
export const stateInvalid = 1
export const stateEstablished = 2
export const stateRelated = 4
export const stateNew = 8
export const stateUntracked = 64
export const statusDnat = 32
export const directionOriginal = 0
export const directionReply = 1
export const fibLocal = 2
export const tcpFin = 1
export const tcpSyn = 2
export const tcpRst = 4
export const tcpPsh = 8
export const tcpAck = 16
export const loopbackIndex = 1

export type Statement =
  /** `field & mask == value` (or `!=`); addresses as text, with `prefix` for a CIDR. */
  | {
      readonly match: Field
      readonly value: number | string
      readonly prefix?: number
      readonly mask?: number
      readonly not?: boolean
    }
  /** `from <= field <= to` */
  | { readonly match: Field; readonly from: number; readonly to: number }
  /** Is it in the set? Where the set counts, this counts. */
  | { readonly in: string; readonly fields: readonly Field[]; readonly not?: boolean }
  | { readonly vmap: string; readonly fields: readonly Field[] }
  /** `ct mark set jhash FIELDS mod M seed S` */
  | { readonly hash: readonly Field[]; readonly mod: number; readonly seed: number }
  /** `ct mark set ct mark map @MAP`; ends the rule where the mark is not in it. `ranges`: the map's keys are (`interval`). */
  | { readonly markFrom: string; readonly ranges: boolean }
  /** `dnat ip to ct mark map @MAP`, whose data is an address and a port */
  | { readonly dnat: 'ip' | 'ip6'; readonly map: string }
  /** `snat ip to ct original ip daddr map @MAP`, whose data is an address */
  | { readonly snat: 'ip' | 'ip6'; readonly map: string }
  | { readonly counter: string }
  | { readonly ctTimeout: string }
  /** `add @SET { FIELDS }` */
  | { readonly add: string; readonly fields: readonly Field[] }
  | { readonly synproxy: { readonly mss: number; readonly wscale: number } }
  | { readonly jump: string }
  | { readonly goto: string }
  | { readonly do: 'drop' | 'accept' | 'return' | 'masquerade' | 'reset' | 'notrack' }
  /** Takes the option out of a segment. Linux 5.18. */
  | { readonly strip: 'tcp option timestamp' }
