/**
 * IP addresses and ranges of both families. Records hold text; what is compared often (admission, hashing) is parsed once
 * into bytes in network order: 4 for IPv4, 16 for IPv6.
 */
export type AddressFamily = 'ipv4' | 'ipv6'

export interface Cidr {
  readonly family: AddressFamily
  /** The range's first address, host bits cleared. */
  readonly network: Uint8Array
  readonly prefixLength: number
}

const dot = 0x2e
const colon = 0x3a
const percent = 0x25

/** The address's 4 or 16 bytes; `undefined` for anything but one plain address (no leading zeros, no zone id). */
export function parseAddress(text: string): Uint8Array | undefined {
  if (text.includes('%')) return undefined
  const bytes = new Uint8Array(16)
  const length = writeAddress(text, bytes, 0)
  return length === 0 ? undefined : bytes.subarray(0, length)
}

export function addressFamily(text: string): AddressFamily | undefined {
  const bytes = parseAddress(text)
  return bytes && familyOf(bytes)
}

/**
 * Writes the address into `into` at `at` and answers how many bytes it has: 4, 16, or 0 for text that is no address. Allocates
 * nothing: it is on the path of every new flow. An IPv6 zone id (RFC 4007 section 11, `fe80::1%eth0`) is left out.
 */
export function writeAddress(text: string, into: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === dot) return writeIpv4(text, 0, text.length, into, at) ? 4 : 0
    if (code === colon) return writeIpv6(text, into, at) ? 16 : 0
  }
  return 0
}

function writeIpv4(text: string, start: number, end: number, into: Uint8Array, at: number): boolean {
  let octet = 0
  let digits = 0
  let written = 0
  for (let i = start; i <= end; i++) {
    const code = i < end ? text.charCodeAt(i) : dot
    if (code === dot) {
      if (digits === 0 || written === 4) return false
      into[at + written++] = octet
      octet = 0
      digits = 0
      continue
    }
    const digit = code - 0x30
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return false
    octet = octet * 10 + digit
    digits++
    if (octet > 255) return false
  }
  return written === 4
}

function writeIpv6(text: string, into: Uint8Array, at: number): boolean {
  let end = text.length
  let i = 0
  let groups = 0
  let gap = -1
  if (text.charCodeAt(0) === colon) {
    if (text.charCodeAt(1) !== colon) return false
    gap = 0
    i = 2
  }
  let start = i
  let group = 0
  for (; i < end; i++) {
    const code = text.charCodeAt(i)
    const digit = hexDigit(code)
    if (digit >= 0) {
      if (i - start === 4 || groups === 8) return false
      group = (group << 4) | digit
    } else if (code === colon) {
      if (i === start) {
        if (gap >= 0 || i === 0) return false
        gap = groups
      } else {
        into[at + 2 * groups] = group >> 8
        into[at + 2 * groups + 1] = group & 255
        groups++
        if (i + 1 === end) return false
      }
      group = 0
      start = i + 1
    } else if (code === dot) {
      if (groups > 6 || !writeIpv4(text, start, end, into, at + 2 * groups)) return false
      groups += 2
      start = end
      break
    } else if (code === percent) {
      end = i
    } else {
      return false
    }
  }
  if (start < end) {
    if (groups === 8) return false
    into[at + 2 * groups] = group >> 8
    into[at + 2 * groups + 1] = group & 255
    groups++
  }
  if (gap < 0) return groups === 8
  if (groups === 8) return false
  const moved = 2 * (groups - gap)
  into.copyWithin(at + 16 - moved, at + 2 * gap, at + 2 * groups)
  into.fill(0, at + 2 * gap, at + 16 - moved)
  return true
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The address as text: dotted for IPv4, RFC 5952 for IPv6. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  if (groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff)
    return `::ffff:${bytes.subarray(12).join('.')}`
  let longest = { start: 0, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > longest.length) longest = { start, length }
  }
  const hex = (part: number[]) => part.map(group => group.toString(16)).join(':')
  if (longest.length < 2) return hex(groups)
  return `${hex(groups.slice(0, longest.start))}::${hex(groups.slice(longest.start + longest.length))}`
}

/** One spelling for each address, so that texts can be compared; `undefined` for text that is no address. */
export function canonicalAddress(text: string): string | undefined {
  const bytes = parseAddress(text)
  return bytes && formatAddress(bytes)
}

/** `undefined` for text that is no range. Host bits are cleared, as AWS does: `100.68.0.18/18` is `100.68.0.0/18`. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...more] = text.split('/')
  const network = parseAddress(address)
  if (network === undefined || more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined
  const prefixLength = Number(length)
  if (prefixLength > network.length * 8) return undefined
  for (let i = 0; i < network.length; i++) network[i] = (network[i] ?? 0) & maskByte(prefixLength, i)
  return { family: familyOf(network), network, prefixLength }
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.network)}/${cidr.prefixLength}`
}

/** The range's last address; its first is `network`. */
export function lastAddress({ network, prefixLength }: Cidr): Uint8Array {
  return network.map((byte, i) => byte | (~maskByte(prefixLength, i) & 255))
}

/** Whether all of `inner`, an address or a range, lies in `cidr`. False for malformed text and for another family. */
export function cidrContains(cidr: string, inner: string): boolean {
  const outer = parseCidr(cidr)
  const range = parseCidr(inner) ?? parseCidr(hostCidr(inner))
  return outer !== undefined && range !== undefined && encloses(outer, range)
}

export function cidrsOverlap(a: string, b: string): boolean {
  return cidrContains(a, b) || cidrContains(b, a)
}

export function isIpv6(address: string): boolean {
  return address.includes(':')
}

/** The range that holds this address alone: `/32` or `/128`. */
export function hostCidr(address: string): string {
  return `${address}/${isIpv6(address) ? 128 : 32}`
}

function encloses(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && outer.prefixLength <= inner.prefixLength && bytesIn(outer, inner.network, 0)
}

/** Whether the bytes at `at`, an address of the range's own family, lie in the range. */
export function bytesIn(cidr: Cidr, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; 8 * i < cidr.prefixLength; i++) {
    if (((bytes[at + i] ?? 0) & maskByte(cidr.prefixLength, i)) !== cidr.network[i]) return false
  }
  return true
}

/** Whether an address, as text, lies in a parsed range. Allocates nothing. */
export function addressIn(cidr: Cidr, address: string): boolean {
  return writeAddress(address, scratch, 0) === cidr.network.length && bytesIn(cidr, scratch, 0)
}

const scratch = new Uint8Array(16)

function maskByte(prefixLength: number, index: number): number {
  const bits = prefixLength - 8 * index
  return bits >= 8 ? 255 : bits <= 0 ? 0 : (0xff00 >> bits) & 255
}

/** How many addresses the range holds; beyond 2^53 the nearest double. */
export function addressCount(cidr: Cidr): number {
  return 2 ** (8 * cidr.network.length - cidr.prefixLength)
}

/** The range's address number `n`, counted from 0; `undefined` outside the range. `n` is below 2^48. */
export function nthAddress(cidr: Cidr, n: number): string | undefined {
  if (n < 0 || n >= addressCount(cidr)) return undefined
  const bytes = cidr.network.slice()
  let rest = n
  for (let i = bytes.length - 1; rest > 0; i--) {
    bytes[i] = (bytes[i] ?? 0) | (rest % 256)
    rest = Math.floor(rest / 256)
  }
  return formatAddress(bytes)
}

/** 127.0.0.0/8 (RFC 1122), `::1` (RFC 4291), and the former mapped into IPv6. */
export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

function familyOf(bytes: Uint8Array): AddressFamily {
  return bytes.length === 4 ? 'ipv4' : 'ipv6'
}
