import type { ClientOffer } from '../../domain/choose-certificate.ts'

/** What a client asks for before anything is encrypted (RFC 8446 section 4.1.2). */
export interface ClientHello extends ClientOffer {
  /** In the client's order; empty: it sent no ALPN. */
  readonly protocols: readonly string[]
}

/** Beyond that it is left to OpenSSL to refuse it; post-quantum hellos have 2 kB. */
const longest = 32 << 10
/** Clients need one or two; all are looked at again with whatever bytes follow, so that a byte in each would be work for seconds. */
const mostRecords = 256

const handshakeRecord = 22
const clientHello = 1
/** Its type and its length. */
const headBytes = 4
const extensions = { serverName: 0, signatureAlgorithms: 13, alpn: 16, supportedVersions: 43 }
const tls13 = 0x0304

/**
 * Reads a client's hello, which may come in several records.
 *
 * @returns `undefined` while bytes are missing; `unreadable` where it is no hello, or none that TLS allows
 */
export function readClientHello(bytes: Buffer): ClientHello | 'unreadable' | undefined {
  const parts: Buffer[] = []
  let length = 0
  let needed = headBytes
  for (let at = 0; bytes.length > at; ) {
    if (bytes[at] !== handshakeRecord) return 'unreadable'
    if (bytes.length < at + 5) break
    const end = at + 5 + bytes.readUInt16BE(at + 3)
    if (end === at + 5 || parts.length === mostRecords) return 'unreadable'
    const part = bytes.subarray(at + 5, end)
    parts.push(part)
    length += part.length
    if (needed === headBytes && length >= headBytes) {
      const head = Buffer.concat(parts, headBytes)
      needed += head.readUIntBE(1, 3)
      if (head[0] !== clientHello || needed === headBytes || needed > longest) return 'unreadable'
    }
    if (needed > headBytes && length >= needed) return parsed(Buffer.concat(parts, needed).subarray(headBytes))
    at = end
  }
  return bytes.length > longest ? 'unreadable' : undefined
}

function parsed(body: Buffer): ClientHello | 'unreadable' {
  try {
    return parse(body)
  } catch (error) {
    if (error instanceof RangeError) return 'unreadable'
    throw error
  }
}

/** @throws a `RangeError` where a length leads beyond the end */
function parse(body: Buffer): ClientHello {
  let at = 2 + 32
  at += 1 + body.readUInt8(at)
  const ciphers = numbers(body, at + 2, body.readUInt16BE(at))
  at += 2 + ciphers.length * 2
  at += 1 + body.readUInt8(at)
  let serverName: string | undefined
  let signatures: readonly number[] | undefined
  let protocols: readonly string[] = []
  let isTls13 = false
  for (at += 2; at < body.length; ) {
    const type = body.readUInt16BE(at)
    const end = at + 4 + body.readUInt16BE(at + 2)
    if (end > body.length) throw new RangeError('an extension leads beyond the end')
    const data = body.subarray(at + 4, end)
    if (type === extensions.serverName) serverName = hostName(data)
    else if (type === extensions.signatureAlgorithms) signatures = numbers(data, 2, data.readUInt16BE(0))
    else if (type === extensions.alpn) protocols = protocolNames(data)
    else if (type === extensions.supportedVersions) isTls13 = numbers(data, 1, data.readUInt8(0)).includes(tls13)
    at = end
  }
  return {
    tls13: isTls13,
    ciphers,
    protocols,
    ...(serverName !== undefined && { serverName }),
    ...(signatures !== undefined && { signatures }),
  }
}

function numbers(data: Buffer, from: number, length: number): readonly number[] {
  const read: number[] = []
  for (let at = from; at + 1 < from + length; at += 2) read.push(data.readUInt16BE(at))
  return read
}

/** The first name of type host_name (RFC 6066 section 3), which may not be empty; there is no other type. */
function hostName(data: Buffer): string | undefined {
  if (data.length < 5 || data.readUInt8(2) !== 0) return undefined
  return data.toString('latin1', 5, 5 + data.readUInt16BE(3)).toLowerCase()
}

/** RFC 7301 section 3.1. */
function protocolNames(data: Buffer): readonly string[] {
  const names: string[] = []
  for (let at = 2; at < data.length; at += 1 + data.readUInt8(at))
    names.push(data.toString('latin1', at + 1, at + 1 + data.readUInt8(at)))
  return names
}
