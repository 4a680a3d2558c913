import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { until } from '../../engine/until.fixture.ts'
import { identify, lives } from './process-table.ts'

test('a process lives until it ends, and another of its number is another', async t => {
  const child = spawn('sleep', ['1000'])
  t.after(() => child.kill('SIGKILL'))
  const identity = identify(child.pid ?? 0)
  assert.ok(identity)
  assert.equal(lives(identity), true)
  assert.equal(lives({ ...identity, born: `${identity.born}0` }), false)
  child.kill()
  await once(child, 'exit')
  assert.equal(lives(identity), false)
})

test('a defunct process is dead', async t => {
  if (process.platform !== 'linux') return lacking(t, 'Linux')
  // The shell becomes a program that never asks what became of its child.
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => parent.kill('SIGKILL'))
  const [pid] = await once(parent.stdout, 'data')
  const identity = identify(Number(pid))
  assert.ok(identity)
  await until(() => identify(parent.pid ?? 0) !== undefined)
  process.kill(Number(pid), 'SIGKILL')
  await until(() => !lives(identity))
})

test('a process that is hidden from us is none of ours, and what it has of a number no obstacle', t => {
  const as = '--reuid=65534 --regid=65534 --clear-groups'
  const look = `import('${join(import.meta.dirname, 'process-table.ts')}').then(({ identify }) =>
    console.log(identify(process.pid) !== undefined, identify(Number(process.argv[1]))))`
  // A /proc of its own; the first process of it becomes the one that looks.
  const hide = `mount -o remount,hidepid=1 /proc || exit 9; sleep 1000 & exec setpriv ${as} "$0" -e "$1" $!`
  const under = ['--mount', '--pid', '--fork', '--mount-proc']
  const { status, stdout } = spawnSync('unshare', [...under, 'sh', '-c', hide, process.execPath, look], {
    encoding: 'utf8',
  })
  if (process.getuid?.() !== 0 || status === 9) return lacking(t, 'root on Linux, and leave to mount /proc')
  assert.equal(stdout, 'true undefined\n')
})
