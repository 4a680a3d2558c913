import { once } from 'node:events'
import { duplexPair, PassThrough } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'

/** The first record that OpenSSL sends as a client with these options: header and ClientHello. */
export async function clientHello(options: ConnectionOptions = {}): Promise<Buffer> {
  const [socket, far] = duplexPair()
  const client = connect({ servername: 'bench.example.com', ...options, socket })
  client.on('error', () => {})
  const [bytes] = (await once(far.pipe(new PassThrough()), 'data')) as [Buffer]
  client.destroy()
  return bytes
}
