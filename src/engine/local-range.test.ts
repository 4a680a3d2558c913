import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { lacking } from '../../test/lacking.ts'

/** Runs in a network namespace of its own: says which addresses can be bound before, with and after, and what was logged. */
const script = `
import net from 'node:net'
import { LocalRange } from ${JSON.stringify(new URL('local-range.ts', import.meta.url).href)}
const log = []
const addresses = ['198.18.0.1', '198.19.255.254', 'fd53:4c55::1', '192.0.2.1']
const bindable = () => addresses.filter(host => {
  try { new net.BoundSocket({ host }).close(); return true } catch { return false }
})
const range = new LocalRange({ log: line => log.push(line) })
const before = bindable()
await range.prepare(addresses)
await range.prepare(addresses)
const during = bindable()
await range.close()
console.log(JSON.stringify({ before, during, after: bindable(), log }))`

test('addresses of the range are this host’s own for as long as they are needed, and no others', async t => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return lacking(t, 'root on Linux')
  const { stdout } = await promisify(execFile)('unshare', [
    '-n',
    'sh',
    '-c',
    'ip link set lo up && exec "$@"',
    'sh',
    process.execPath,
    '--input-type=module',
    '--eval',
    script,
  ])
  assert.deepEqual(JSON.parse(stdout), {
    before: [],
    during: ['198.18.0.1', '198.19.255.254', 'fd53:4c55::1'],
    after: [],
    log: [],
  })
})
