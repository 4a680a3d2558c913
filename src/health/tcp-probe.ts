import { type Attempt, dial } from './dial.ts'

/**
 * Passes when the connection opens (AWS: health checks for Network Load Balancers), and closes it at once, without data.
 * By FIN, not RST: a service sees a client that came and went, whose address it can still ask for, and has no error to log.
 */
export const tcpProbe: Attempt = (probe, source, clock, done) => {
  const started = clock.monotonic()
  const socket = dial(
    probe,
    source,
    () => {
      socket.destroy()
      done({ kind: 'passed', reason: `passed in ${Math.round(clock.monotonic() - started)} ms` })
    },
    done,
  )
  return () => socket.destroy()
}
