/**
 * A client of echo.ts in whatever host it is started: ADDRESS PORT COUNT SIZE ORDER SOURCE. It sends COUNT datagrams of SIZE
 * bytes, each from a port of its own, and prints as JSON how many came back whole and from the target that a small one from the
 * same port goes to. ORDER: `kernel` leaves the fragments to the system; `reversed` and `shuffled` send them so, made by hand.
 */
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fragments, RawSender, udpPacket } from '../../bench/stage/packets.ts'

const [address = '', port = '', count = '', size = '', order = '', source = ''] = process.argv.slice(2)
const raw = new RawSender()
let whole = 0

async function send(): Promise<void> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 })
  socket.bind(0, source)
  await once(socket, 'listening')
  const data = randomBytes(Number(size))
  const large = await answer(socket, () => {
    if (order === 'kernel') return socket.send(data, Number(port), address)
    const ends = { from: source, fromPort: socket.address().port, to: address, toPort: Number(port) }
    const all = fragments(udpPacket(ends, data), 1_500)
    for (const fragment of order === 'reversed' ? all.toReversed() : all.toSorted(() => Math.random() - 0.5))
      raw.send(fragment)
  })
  const small = await answer(socket, () => socket.send('small', Number(port), address))
  socket.close()
  const name = small.subarray(0, small.indexOf(' ') + 1)
  if (small.length > 0 && large.equals(Buffer.concat([name, data]))) whole++
}

/** What comes next after this; nothing after 2 s. */
async function answer(socket: Socket, send: () => void): Promise<Buffer> {
  const next = once(socket, 'message', { signal: AbortSignal.timeout(2_000) }).catch(() => [])
  send()
  const [message = Buffer.alloc(0)]: Buffer[] = await next
  return message
}

const underway: Promise<void>[] = []
for (let n = 0; n < Number(count); n++) {
  underway.push(send())
  // 60,000 bytes are 41 frames.
  if (n % 8 === 7) await pause(10)
}
await Promise.all(underway)
raw.close()
console.log(JSON.stringify({ whole }))
