/** `openssl s_client`, as a client of whatever speaks TLS. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

export interface Handshake {
  /** `TLSv1.3`; `(NONE)`: there was no handshake. */
  readonly version: string
  /** Common name of the certificate that was shown; empty: none was. */
  readonly name: string
  readonly isResumed: boolean
  /** What came over it. */
  readonly answer: string
}

/** Connects, says `request`, and reads to the end. @param args more of `openssl s_client`'s: `-servername a.test` */
export async function shakeHands(place: string, request: string, ...args: readonly string[]): Promise<Handshake> {
  const client = spawn('openssl', ['s_client', '-connect', place, '-ign_eof', ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 10_000,
  })
  // It ends where there was no handshake, whatever is still to be said.
  client.stdin.on('error', () => {})
  client.stdin.write(request)
  const output = await text(client.stdout)
  client.stdin.destroy()
  return {
    version: /^(?:New|Reused), (\S+?),? Cipher/m.exec(output)?.[1] ?? '(NONE)',
    name: /^subject=.*?CN ?= ?(\S+)/m.exec(output)?.[1] ?? '',
    isResumed: /^Reused, /m.test(output),
    answer: /^HTTP\/1\.1 [\s\S]*/m.exec(output)?.[0] ?? '',
  }
}
