import { connect } from 'node:net'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { Door, Outcome } from './case.ts'

/** How long an answer to a whole hello may take. */
const patienceMs = 2_000

interface Manner {
  /** Bytes of a write; all at once unless given. */
  readonly piece?: number
  /** After all is sent; unless given it waits. */
  readonly finishes?: boolean
  readonly patienceMs?: number
}

/** Sends these bytes over a new connection, and says what came. Nothing is decrypted. */
export async function talk({ host, port }: Door, bytes: Buffer, manner: Manner = {}): Promise<Outcome> {
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true })
  let received: Buffer = Buffer.alloc(0)
  let end: Outcome['end'] = 'open'
  const over = new Promise<void>(resolve => {
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (isHello(received)) resolve()
    })
    socket.on('end', () => {
      end = 'closed'
      resolve()
    })
    socket.on('error', () => {
      end = 'reset'
      resolve()
    })
  })
  const piece = manner.piece ?? bytes.length
  for (let at = 0; at < bytes.length; at += piece) {
    socket.write(bytes.subarray(at, at + piece))
    if (piece < bytes.length) await nextTurn()
  }
  if (manner.finishes) socket.end()
  await Promise.race([over, pause(manner.patienceMs ?? patienceMs)])
  // What came right behind a hello.
  if (isHello(received)) await pause(300)
  socket.destroy()
  return { isAnswered: isHello(received), isServed: false, said: alertIn(received), end }
}

function isHello(received: Buffer): boolean {
  return received[0] === 22 && received[5] === 2
}

/** Its number (RFC 8446 section 6), if one can be read. */
function alertIn(received: Buffer): string {
  for (let at = 0; at + 5 <= received.length; at += 5 + received.readUInt16BE(at + 3))
    if (received[at] === 21 && received.readUInt16BE(at + 3) === 2) return `alert ${received[at + 6]}`
  return ''
}
