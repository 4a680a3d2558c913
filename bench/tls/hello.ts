/** A ClientHello taken apart (RFC 8446 section 4.1.2), so that one part of it can be made wrong. */
export interface Hello {
  readonly version: number
  readonly random: Buffer
  readonly sessionId: Buffer
  readonly ciphers: Buffer
  readonly compressions: Buffer
  readonly extensions: readonly Extension[]
}

export interface Extension {
  readonly type: number
  readonly data: Buffer
}

export const extension = {
  serverName: 0,
  groups: 10,
  signatureAlgorithms: 13,
  alpn: 16,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
  keyShare: 51,
} as const

/** @param record one that holds a whole hello */
export function readHello(record: Buffer): Hello {
  let at = 9
  const take = (length: number) => {
    at += length
    return record.subarray(at - length, at)
  }
  const vector = (lengthBytes: number) => take(take(lengthBytes).readUIntBE(0, lengthBytes))
  const version = take(2).readUInt16BE()
  const [random, sessionId, ciphers, compressions, block] = [take(32), vector(1), vector(2), vector(1), vector(2)]
  const extensions: Extension[] = []
  for (let at = 0; at < block.length; ) {
    const length = block.readUInt16BE(at + 2)
    extensions.push({ type: block.readUInt16BE(at), data: block.subarray(at + 4, at + 4 + length) })
    at += 4 + length
  }
  return { version, random, sessionId, ciphers, compressions, extensions }
}

/** The handshake message, without a record around it. */
export function message(hello: Hello): Buffer {
  const extensions = hello.extensions.map(({ type, data }) => Buffer.concat([number(type, 2), vector(data, 2)]))
  return handshake(
    Buffer.concat([
      number(hello.version, 2),
      hello.random,
      vector(hello.sessionId, 1),
      vector(hello.ciphers, 2),
      vector(hello.compressions, 1),
      vector(Buffer.concat(extensions), 2),
    ]),
  )
}

export function handshake(body: Buffer, type = 1): Buffer {
  return Buffer.concat([Buffer.of(type), vector(body, 3)])
}

/** @param length what the header says, if that is not the truth */
export function record(content: Buffer, { type = 22, version = 0x0301, length = content.length } = {}): Buffer {
  return Buffer.concat([Buffer.of(type), number(version, 2), number(length, 2), content])
}

export function vector(content: Buffer, lengthBytes: number): Buffer {
  return Buffer.concat([number(content.length, lengthBytes), content])
}

export function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

/** With this extension in place of the one of its type, or at the end. */
export function withExtension(hello: Hello, type: number, data: Buffer): Hello {
  const others = hello.extensions.filter(extension => extension.type !== type)
  return { ...hello, extensions: [...others, { type, data }] }
}

export function withoutExtension(hello: Hello, type: number): Hello {
  return { ...hello, extensions: hello.extensions.filter(extension => extension.type !== type) }
}
