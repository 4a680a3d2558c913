/** Faults that are to be found in a client's first bytes. */
import { clientHello } from '../stage/client-hello.ts'
import type { Case, Expectation } from './case.ts'
import {
  extension,
  type Hello,
  handshake,
  message,
  number,
  readHello,
  record,
  vector,
  withExtension,
  withoutExtension,
} from './hello.ts'
import { talk } from './raw.ts'

const hello = readHello(await clientHello())
const hello12 = readHello(await clientHello({ maxVersion: 'TLSv1.2' }))
const whole = message(hello)
const empty = Buffer.alloc(0)
const alert = (level: number, description: number) =>
  record(Buffer.of(level, description), { type: 21, version: 0x0303 })
const changeCipherSpec = record(Buffer.of(1), { type: 20, version: 0x0303 })
const get = Buffer.from('GET / HTTP/1.1\r\nHost: bench.example.com\r\n\r\n')
const data = (type: number) => hello.extensions.find(one => one.type === type)?.data ?? empty
const name = (text: string, type = 0) => Buffer.concat([Buffer.of(type), vector(Buffer.from(text, 'latin1'), 2)])
const serverName = (...names: readonly Buffer[]) =>
  withExtension(hello, extension.serverName, vector(Buffer.concat(names), 2))
const alpn = (...names: readonly string[]) =>
  withExtension(hello, extension.alpn, vector(Buffer.concat(names.map(name => vector(Buffer.from(name), 1))), 2))
const keyShare = (...shares: readonly [group: number, key: Buffer][]) =>
  withExtension(
    hello,
    extension.keyShare,
    vector(Buffer.concat(shares.map(([group, key]) => Buffer.concat([number(group, 2), vector(key, 2)]))), 2),
  )
const [x25519, p256] = [29, 23]

/** Longer than AWS's limit for a handshake, 10 s. */
const longMs = 12_000

const bytes = (name: string, expected: Expectation, bytes: Buffer, manner?: Parameters<typeof talk>[2]): Case => ({
  name,
  expected,
  run: door => talk(door, bytes, manner),
})
const changed = (name: string, expected: Expectation, hello: Hello) => bytes(name, expected, record(message(hello)))

export const helloCases: readonly Case[] = [
  changed('a sound hello', 'answered', hello),
  changed('a sound hello of TLS 1.2', 'answered', hello12),

  // Records.
  bytes('byte by byte', 'answered', record(whole), { piece: 1 }),
  bytes('a record for each byte', 'answered', Buffer.concat([...whole].map(byte => record(Buffer.of(byte))))),
  bytes(
    'header of the message in a record of its own',
    'answered',
    Buffer.concat([record(whole.subarray(0, 4)), record(whole.subarray(4))]),
  ),
  bytes('half of it, then the end', 'refused', record(whole).subarray(0, 100), { finishes: true }),
  bytes('half of it, then silence', 'refused', record(whole).subarray(0, 100), { patienceMs: longMs }),
  bytes('nothing at all', 'refused', empty, { patienceMs: longMs }),
  bytes(
    'a record cut short, another behind it',
    'refused',
    Buffer.concat([record(whole, { length: 50 }).subarray(0, 55), record(whole)]),
  ),
  bytes('a record of 16,385 bytes', 'refused', record(Buffer.alloc(16_385, 1))),
  bytes('a record of 65,535 bytes', 'refused', record(Buffer.alloc(65_535, 1))),
  bytes('an empty record of the handshake', 'refused', Buffer.concat([record(empty), record(whole)])),
  bytes(
    '40 empty records of the handshake',
    'refused',
    Buffer.concat([...Array.from({ length: 40 }, () => record(empty)), record(whole)]),
  ),
  bytes('a record of version 2.1', 'refused', record(whole, { version: 0x0201 })),
  bytes('a record of version 3.3', 'answered', record(whole, { version: 0x0303 })),
  bytes('application data first', 'refused', record(get, { type: 23 })),
  bytes('a heartbeat first', 'refused', record(Buffer.of(1, 0x40, 0), { type: 24 })),
  bytes('an unknown type of record', 'refused', record(whole, { type: 99 })),
  bytes('change_cipher_spec first', 'refused', Buffer.concat([changeCipherSpec, record(whole)])),
  bytes('HTTP without TLS', 'refused', get),
  bytes(
    'SSL 2’s hello',
    'refused',
    Buffer.from(
      '802e0103010015000000100100800700c003008006004002008004008000000a0b0c0d0e0f101112131415161718191a',
      'hex',
    ),
  ),

  // Alerts.
  bytes('close_notify, then the end', 'refused', alert(1, 0), { finishes: true }),
  bytes('a fatal alert', 'refused', alert(2, 40)),
  bytes('half an alert, then the end', 'refused', record(Buffer.of(2), { type: 21 }), { finishes: true }),
  bytes('an empty alert', 'refused', record(empty, { type: 21 })),
  bytes('20 warnings', 'refused', Buffer.concat(Array.from({ length: 20 }, () => alert(1, 90)))),
  bytes('an alert behind the hello', 'broken off', Buffer.concat([record(whole), alert(2, 40)])),

  // Messages.
  bytes(
    'a message of 16 MB announced, 200 kB sent',
    'refused',
    Buffer.concat(
      Array.from({ length: 13 }, (_, n) =>
        record(
          n === 0 ? Buffer.concat([Buffer.of(1), number(2 ** 24 - 1, 3), Buffer.alloc(16_000)]) : Buffer.alloc(16_000),
        ),
      ),
    ),
  ),
  bytes('another message first: finished', 'refused', record(handshake(Buffer.alloc(32), 20))),
  bytes('another message first: hello_request', 'refused', record(handshake(empty, 0))),
  bytes('an empty hello', 'refused', record(handshake(empty))),
  bytes('a hello that ends within its random', 'refused', record(handshake(whole.subarray(4, 20)))),
  bytes(
    'bytes behind the hello’s extensions',
    'refused',
    record(handshake(Buffer.concat([whole.subarray(4), Buffer.alloc(5)]))),
  ),
  bytes('two hellos', 'broken off', Buffer.concat([record(message(hello12)), record(message(hello12))])),
  bytes(
    'HTTP behind the hello',
    'broken off',
    Buffer.concat([record(message(hello12)), record(get, { type: 23, version: 0x0303 })]),
  ),

  // Versions.
  changed('SSL 3.0', 'refused', { ...hello12, version: 0x0300 }),
  changed('TLS 1.0', 'refused', { ...hello12, version: 0x0301 }),
  changed('TLS 1.1', 'refused', { ...hello12, version: 0x0302 }),
  changed('version 2.0', 'refused', { ...hello12, version: 0x0200 }),
  changed('a version of the future, 3.99', 'answered', { ...hello12, version: 0x0363 }),
  changed(
    'supported_versions without one that exists',
    'refused',
    withExtension(hello, extension.supportedVersions, vector(Buffer.from('7a7a8a8a', 'hex'), 1)),
  ),
  changed('supported_versions empty', 'refused', withExtension(hello, extension.supportedVersions, vector(empty, 1))),
  changed(
    'supported_versions of an odd length',
    'refused',
    withExtension(hello, extension.supportedVersions, vector(Buffer.of(3, 4, 3), 1)),
  ),
  changed(
    'supported_versions with GREASE first',
    'answered',
    withExtension(hello, extension.supportedVersions, vector(Buffer.from('7a7a0304', 'hex'), 1)),
  ),

  // Lists.
  changed('no cipher', 'refused', { ...hello, ciphers: empty }),
  changed('ciphers of an odd length', 'refused', { ...hello, ciphers: hello.ciphers.subarray(1) }),
  changed('only unknown ciphers', 'refused', { ...hello, ciphers: Buffer.from('7a7a8a8a', 'hex') }),
  changed('only anonymous and empty ciphers', 'refused', {
    ...hello12,
    ciphers: Buffer.from('0000000100340018c019', 'hex'),
  }),
  changed('10,000 unknown ciphers before the known', 'refused', {
    ...hello,
    ciphers: Buffer.concat([Buffer.alloc(16_000, 0x7a), hello.ciphers]),
  }),
  changed('no compression', 'refused', { ...hello, compressions: empty }),
  changed('compression only', 'refused', { ...hello, compressions: Buffer.of(1) }),
  changed('compression beside none, in TLS 1.3', 'refused', { ...hello, compressions: Buffer.of(1, 0) }),
  changed('a session id of 33 bytes', 'refused', { ...hello, sessionId: Buffer.alloc(33) }),
  changed('the fallback’s mark in a hello of TLS 1.2', 'refused', {
    ...hello12,
    ciphers: Buffer.concat([hello12.ciphers, Buffer.of(0x56, 0x00)]),
  }),

  // Extensions.
  changed('no extensions, and so SHA-1', 'refused', { ...hello12, extensions: [] }),
  changed('an unknown extension', 'answered', withExtension(hello, 0x7a7a, Buffer.alloc(1_000))),
  changed('300 unknown extensions', 'answered', {
    ...hello,
    extensions: [...Array.from({ length: 300 }, (_, n) => ({ type: 30_000 + n, data: empty })), ...hello.extensions],
  }),
  changed('an extension twice', 'refused', {
    ...hello,
    extensions: [...hello.extensions, { type: extension.groups, data: data(extension.groups) }],
  }),
  changed('an unknown extension twice', 'answered', {
    ...hello,
    extensions: [...hello.extensions, { type: 0x7a7a, data: empty }, { type: 0x7a7a, data: empty }],
  }),
  bytes(
    'extensions longer than the hello',
    'refused',
    record(
      handshake(
        Buffer.concat([message({ ...hello, extensions: [] }).subarray(4, -2), number(500, 2), Buffer.alloc(20)]),
      ),
    ),
  ),
  changed('TLS 1.3 without signature_algorithms', 'refused', withoutExtension(hello, extension.signatureAlgorithms)),
  changed(
    'signature_algorithms empty',
    'refused',
    withExtension(hello, extension.signatureAlgorithms, vector(empty, 2)),
  ),
  changed('TLS 1.3 without groups', 'refused', withoutExtension(hello, extension.groups)),
  changed('groups of an odd length', 'refused', withExtension(hello, extension.groups, vector(Buffer.of(0, 29, 0), 2))),
  changed('pre_shared_key that is not last', 'refused', {
    ...hello,
    extensions: [{ type: extension.preSharedKey, data: Buffer.alloc(40) }, ...hello.extensions],
  }),
  changed(
    'a pre_shared_key that is nonsense',
    'refused',
    withExtension(hello, extension.preSharedKey, Buffer.alloc(40)),
  ),
  changed('early_data without a key', 'answered', withExtension(hello, extension.earlyData, empty)),
  bytes(
    'early data that nobody can read',
    'answered',
    Buffer.concat([
      record(message(withExtension(hello, extension.earlyData, empty))),
      record(Buffer.alloc(500), { type: 23, version: 0x0303 }),
    ]),
  ),

  // Keys.
  changed('key shares: none', 'answered', keyShare()),
  changed('a key share of zeros', 'refused', keyShare([x25519, Buffer.alloc(32)])),
  changed('a key share of the wrong length', 'refused', keyShare([x25519, Buffer.alloc(31, 9)])),
  changed(
    'a key share that is no point',
    'refused',
    keyShare([p256, Buffer.concat([Buffer.of(4), Buffer.alloc(64, 7)])]),
  ),
  changed(
    'a group’s key share twice, which servers may check',
    'answered',
    keyShare([x25519, Buffer.alloc(32, 9)], [x25519, Buffer.alloc(32, 9)]),
  ),

  // Server names and protocols.
  changed('a name that nobody has', 'answered', serverName(name('nobody.example'))),
  changed('a name in capitals, with a dot at its end', 'answered', serverName(name('BENCH.EXAMPLE.COM.'))),
  changed('an address for a name', 'answered', serverName(name('10.9.0.1'))),
  changed('a name of 255 bytes', 'answered', serverName(name('a'.repeat(255)))),
  changed('a name of 256 bytes', 'refused', serverName(name('a'.repeat(256)))),
  changed('a name with a NUL', 'refused', serverName(name('bench.example.com\0.evil'))),
  changed('an empty name', 'refused', serverName(name(''))),
  changed('no name in server_name', 'refused', serverName()),
  changed('two names', 'refused', serverName(name('a.example'), name('b.example'))),
  changed('bytes of ISO 8859-1 in a name', 'answered', serverName(name('b\xe9nch.example'))),
  changed('ALPN without a name', 'refused', alpn()),
  changed('ALPN with an empty name', 'refused', alpn('')),
  changed('ALPN with http/1.1 and GREASE', 'answered', alpn('zz', 'http/1.1')),
]
