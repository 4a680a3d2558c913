import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from './process.contract.ts'
import { TaskFolders } from './task-folder.ts'

const id = 'a'.repeat(32)

test('output over its limit moves to the older file, of which the newest is kept, and is read across both', t => {
  const dataDir = temporaryDirectory()
  const folders = new TaskFolders(dataDir, 100)
  folders.keep(id, { name: 'web:1', stopTimeoutMs: 1 })
  const fd = folders.openOutput(id, undefined)
  t.after(() => closeSync(fd))
  writeSync(fd, 'x'.repeat(100))
  folders.rotate(id)
  assert.equal(existsSync(join(dataDir, 'tasks', id, 'output.log.1')), false)
  writeSync(fd, 'old\n')
  folders.rotate(id)
  // The process has the file open all the while.
  writeSync(fd, 'new\n')
  assert.equal(String(folders.output(id, 9)), 'xold\nnew\n')
  assert.equal(String(folders.output(id, 4)), 'new\n')
  assert.equal(folders.output(id, 1_000)?.length, 104)
  assert.equal(statSync(join(dataDir, 'tasks', id, 'output.log')).size, 4)
})

test('output that can’t be kept is cut all the same, so that no task fills the disk', t => {
  const dataDir = temporaryDirectory()
  const folders = new TaskFolders(dataDir, 100)
  folders.keep(id, { name: 'web:1', stopTimeoutMs: 1 })
  const fd = folders.openOutput(id, undefined)
  t.after(() => closeSync(fd))
  mkdirSync(join(dataDir, 'tasks', id, 'output.log.1'))
  writeSync(fd, 'x'.repeat(101))
  assert.throws(() => folders.rotate(id), { code: 'EISDIR' })
  assert.equal(statSync(join(dataDir, 'tasks', id, 'output.log')).size, 0)
})

test('what is no task’s id leads to no file', () => {
  const folders = new TaskFolders(temporaryDirectory())
  assert.equal(folders.output(`../tasks/${id}`, 10), undefined)
})
