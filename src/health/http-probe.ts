import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import type { Probe } from '../domain/health.ts'
import { type Attempt, dial, type Outcome } from './dial.ts'

/** What is read of an answer once its status is known, so that the target can finish writing, and for how long. */
const readOnBytes = 65_536
const readOnMs = 1_000

/**
 * GET over HTTP/1.1 or HTTPS; passes when the status is one of `probe.matcher`. Only the status line matters. The rest of
 * a short answer is read and thrown away: a target that is cut off while it writes would log an error at every check.
 */
export const httpProbe: Attempt = (probe, source, clock, done) => {
  const started = clock.monotonic()
  let head = ''
  let ended = false
  const end = (outcome: Outcome) => {
    if (ended) return
    ended = true
    if (outcome.kind === 'passed' || outcome.kind === 'failed') readOn(socket, clock)
    done(outcome)
  }
  const socket = dial(
    probe,
    source,
    () => {
      socket.write(request(probe))
      socket.on('data', chunk => {
        if (ended) return
        head += chunk.toString('latin1')
        const outcome = judge(head, probe, Math.round(clock.monotonic() - started))
        if (outcome !== undefined) end(outcome)
      })
    },
    end,
  )
  socket.once('close', () => end({ kind: 'failed', reason: 'connection closed without an answer' }))
  return () => {
    ended = true
    socket.destroy()
  }
}

function request(probe: Probe): string {
  return `GET ${probe.path} HTTP/1.1\r\nHost: ${probe.host}\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n`
}

/** The outcome, as soon as `head` holds a whole status code: `HTTP/1.1 200` and one byte more (RFC 9112, section 4). */
function judge(head: string, probe: Probe, ms: number): Outcome | undefined {
  if (head.length < 13 && !head.includes('\n')) return undefined
  const status = /^HTTP\/1\.\d (\d{3})[ \r\n]/.exec(head)?.[1]
  if (status === undefined) return { kind: 'failed', reason: 'the answer is not HTTP/1.1' }
  if (matches(probe.matcher, Number(status))) return { kind: 'passed', reason: `passed with ${status} in ${ms} ms` }
  const reason = `expected ${probe.matcher}, got ${status} in ${ms} ms`
  return { kind: 'failed', reason, status: Number(status) }
}

/** Whether `status` is among `200`, `200,202`, `200-399` and combinations of these (AWS: Matcher.HttpCode). */
export function matches(matcher: string, status: number): boolean {
  return matcher.split(',').some(part => {
    const [low, high = low] = part.split('-').map(Number)
    return low !== undefined && high !== undefined && low <= status && status <= high
  })
}

function readOn(socket: Socket, clock: Clock): void {
  if (socket.destroyed) return
  const stop = clock.after(readOnMs, () => socket.destroy())
  const limit = socket.bytesRead + readOnBytes
  socket.on('data', () => {
    if (socket.bytesRead > limit) socket.destroy()
  })
  socket.once('error', () => socket.destroy())
  socket.once('end', () => socket.destroy())
  socket.once('close', stop)
}
