/** Faults in what follows the hello: OpenSSL is the client, and its records are changed on their way. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls, type SecureVersion } from 'node:tls'
import type { Case, Door, Expectation, Outcome } from './case.ts'
import { record } from './hello.ts'

const patienceMs = 2_500
const get = 'GET / HTTP/1.1\r\nHost: bench.example.com\r\n\r\n'

/** What the client sends, in its own order: up to change_cipher_spec, which in TLS 1.3 says nothing; the one behind it; all others. */
type Stage = 'handshake' | 'finished' | 'data'

interface Meddling {
  /** What goes out in place of a record, by its place among its stage's. */
  readonly change?: (record: Buffer, stage: Stage, place: number) => readonly Buffer[]
  /** Bytes of a write. */
  readonly piece?: number
  /** The connection ends behind the request, without close_notify. */
  readonly finishes?: boolean
  readonly renegotiates?: boolean
}

const flipped = (bytes: Buffer) => {
  const copy = Buffer.from(bytes)
  copy[copy.length - 1]! ^= 1
  return copy
}
const changeCipherSpec = (content = 1) => record(Buffer.of(content), { type: 20, version: 0x0303 })
const alert = (level: number, description: number) =>
  record(Buffer.of(level, description), { type: 21, version: 0x0303 })
const application = (content: Buffer) => record(content, { type: 23, version: 0x0303 })
/** Puts these before the stage's first record. */
const before =
  (stage: Stage, ...records: readonly Buffer[]): NonNullable<Meddling['change']> =>
  (bytes, its, place) =>
    its === stage && place === 0 ? [...records, bytes] : [bytes]

const cases: readonly (readonly [name: string, expected: Expectation, meddling: Meddling])[] = [
  ['a sound session', 'served', {}],
  ['byte by byte', 'served', { piece: 1 }],
  [
    'a bit of the handshake’s last message changed',
    'broken off',
    { change: (bytes, stage) => [stage === 'finished' ? flipped(bytes) : bytes] },
  ],
  [
    'a bit of the data changed',
    'broken off',
    { change: (bytes, stage) => [stage === 'data' ? flipped(bytes) : bytes] },
  ],
  [
    'the handshake’s last message twice',
    'broken off',
    { change: (bytes, stage) => (stage === 'finished' ? [bytes, bytes] : [bytes]) },
  ],
  ['the data twice', 'broken off', { change: (bytes, stage) => (stage === 'data' ? [bytes, bytes] : [bytes]) }],
  ['data that nobody has encrypted', 'broken off', { change: before('data', application(Buffer.from(get))) }],
  ['an empty record of data', 'broken off', { change: before('data', application(Buffer.alloc(0))) }],
  ['a record of 16,641 bytes of data', 'broken off', { change: before('data', application(Buffer.alloc(16_641))) }],
  ['a record of 65,535 bytes of data', 'broken off', { change: before('data', application(Buffer.alloc(65_535))) }],
  ['a fatal alert in the handshake', 'broken off', { change: before('finished', alert(2, 40)) }],
  ['close_notify in the handshake', 'broken off', { change: before('finished', alert(1, 0)) }],
  ['an alert of an unknown level in the handshake', 'broken off', { change: before('finished', alert(9, 40)) }],
  ['a plain alert behind the handshake', 'broken off', { change: before('data', alert(2, 40)) }],
  ['a change_cipher_spec of two', 'broken off', { change: before('finished', changeCipherSpec(2)) }],
  ['change_cipher_spec behind the handshake', 'broken off', { change: before('data', changeCipherSpec()) }],
  [
    '40 of change_cipher_spec',
    'broken off',
    { change: before('finished', ...Array.from({ length: 40 }, () => changeCipherSpec())) },
  ],
  [
    'a plain handshake message behind the handshake',
    'broken off',
    { change: before('data', record(Buffer.alloc(4), { version: 0x0303 })) },
  ],
  ['the end without close_notify, a request under way', 'served', { finishes: true }],
]

const versions: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3']
export const sessionCases: readonly Case[] = [
  ...versions.flatMap(version =>
    cases.map(([name, expected, meddling]) => ({
      name: `${version}: ${name}`,
      expected,
      run: (door: Door) => converse(door, version, meddling),
    })),
  ),
  {
    name: 'TLSv1.2: renegotiation',
    expected: 'broken off',
    run: door => converse(door, 'TLSv1.2', { renegotiates: true }),
  },
]

async function converse({ host, port }: Door, version: SecureVersion, meddling: Meddling): Promise<Outcome> {
  const lower = connect({ host, port, noDelay: true, allowHalfOpen: true })
  let end: Outcome['end'] = 'open'
  lower.on('end', () => (end = end === 'reset' ? end : 'closed'))
  lower.on('error', () => (end = 'reset'))
  const client = connectTls({
    socket: meddlingDuplex(lower, meddling),
    servername: 'bench.example.com',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  })
  let [text, said, isAnswered] = ['', '', false]
  client.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  client.on('error', (error: NodeJS.ErrnoException & { reason?: string }) => (said = error.reason ?? error.code ?? ''))
  lower.once('data', () => (isAnswered = true))
  const over = once(lower, 'close').catch(() => {})
  const served = new Promise<void>(resolve => {
    client.on('secureConnect', async () => {
      if (meddling.renegotiates) {
        client.renegotiate({}, error => {
          said = error?.message ?? 'renegotiated'
        })
        await pause(500)
      }
      if (!client.destroyed) client.write(get)
      if (meddling.finishes) setTimeout(() => lower.end(), 0)
    })
    client.on('data', () => resolve())
  })
  await Promise.race([served, over, pause(patienceMs)])
  // A fault that is found behind an answer.
  await Promise.race([over, pause(300)])
  client.destroy()
  lower.destroy()
  const isServed = text.startsWith('HTTP/1.1 200')
  return { isAnswered, isServed, said, end: end === 'open' && lower.readableEnded ? 'closed' : end }
}

/** Passes on what comes in, and changes what goes out, record by record. */
function meddlingDuplex(lower: ReturnType<typeof connect>, { change, piece }: Meddling): Duplex {
  let pending: Buffer = Buffer.alloc(0)
  const places = { handshake: 0, finished: 0, data: 0 }
  let stage: Stage = 'handshake'
  let sent = Promise.resolve()
  const send = async (bytes: Buffer) => {
    const length = piece ?? bytes.length
    for (let at = 0; at < bytes.length; at += length) {
      lower.write(bytes.subarray(at, at + length))
      if (length < bytes.length) await nextTurn()
    }
  }
  const duplex = new Duplex({
    read: () => {},
    write(chunk: Buffer, _encoding, done) {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 5 && pending.length >= 5 + pending.readUInt16BE(3)) {
        const length = 5 + pending.readUInt16BE(3)
        const bytes = pending.subarray(0, length)
        pending = pending.subarray(length)
        const changed = change?.(bytes, stage, places[stage]++) ?? [bytes]
        if (stage === 'finished') stage = 'data'
        else if (bytes[0] === 20) stage = 'finished'
        sent = sent.then(() => send(Buffer.concat([...changed])))
      }
      void sent.then(() => done())
    },
  })
  lower.on('data', chunk => duplex.push(chunk))
  lower.on('end', () => duplex.push(null))
  lower.on('error', error => duplex.destroy(error))
  return duplex
}
