import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { Random } from './mutate.ts'

/** Where something listens. */
export interface Door {
  readonly host: string
  readonly port: number
}

/** How long an attacker stays at most, ms: longer than a handshake may take, and a head. */
const patienceMs = 12_000

/**
 * One connection: sends `bytes` in pieces of any size, at once or slowly, and then waits for the end, closes its side, resets or
 * goes on with nothing. Resolves when the connection is gone.
 */
export async function attack({ host, port }: Door, bytes: Buffer, random: Random, isTls = false): Promise<void> {
  const lower = connect({ host, port, allowHalfOpen: random(3) === 0 })
  lower.on('error', () => {})
  const servername = random(2) === 0 ? 'bench.example.com' : 'x'
  const socket = isTls ? connectTls({ socket: lower, rejectUnauthorized: false, servername }) : lower
  const gone = new Promise<void>(resolve => lower.on('close', () => resolve()))
  socket.on('error', () => {})
  if (random(10) > 0) socket.resume()
  const limit = setTimeout(() => lower.resetAndDestroy(), patienceMs)
  const isSlow = random(20) === 0
  for (let at = 0; at < bytes.length && !socket.destroyed; ) {
    const length = isSlow ? 1 + random(3) : 1 + random(bytes.length)
    socket.write(bytes.subarray(at, at + length))
    at += length
    if (isSlow) await pause(20 + random(100))
    else if (random(3) === 0) await pause(random(5))
  }
  await part(socket, lower, random)
  await gone
  clearTimeout(limit)
}

async function part(socket: Socket, lower: Socket, random: Random): Promise<void> {
  const ways = [
    () => socket.end(),
    () => socket.end(),
    () => lower.resetAndDestroy(),
    () => lower.destroy(),
    () => pause(random(300)).then(() => lower.destroy()),
    // Stays until the other side has had enough.
    () => (random(20) === 0 ? socket : lower.destroy()),
  ]
  await ways[random(ways.length)]!()
}
