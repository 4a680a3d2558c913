import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { inquire } from './inquiry.ts'
import { readOptions } from './options.ts'

test('somebody else’s server at the port is told in one line', async t => {
  const said = await asked(t, (_, response) => response.writeHead(404).end('<html>\n <p>not\n here'))
  assert.match(
    String(said),
    /^What answers at http:\S+ is no Sluice of this version, it says 404 \(<html> <p>not here\): say --port\.$/,
  )
})

test('a page where JSON was to be is told so too', async t => {
  assert.match(
    String(await asked(t, (_, response) => response.end('<html>'))),
    /^Sluice does not run at .* \(.*JSON.*\); start it with/,
  )
})

test('one that never answers is not waited for any longer than said', async t => {
  assert.match(String(await asked(t, () => {}, 50)), /^Sluice does not run at .* \(.*time.*\); start it with/)
})

async function asked(t: TestContext, answer: RequestListener, longestMs?: number) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  t.after(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return inquire(readOptions(['--port', String(port)], {}), { path: '/_sluice/design' }, longestMs)
}
