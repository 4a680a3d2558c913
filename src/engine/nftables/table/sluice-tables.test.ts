import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freeNumber, type SluiceTable, tableComment } from './sluice-tables.ts'

const mine = { name: 'sluice-0000000a', number: 254 }
const table = (name: string, number: number | undefined): SluiceTable => ({
  name,
  number,
  dataDir: undefined,
  owner: undefined,
  isPersistent: true,
})

test('a Sluice has the marks that its table says, else those of its name, else the next ones that are free', () => {
  assert.equal(freeNumber(mine, []), 254)
  assert.equal(freeNumber(mine, [table('sluice-0000000b', 253)]), 254)
  assert.equal(freeNumber(mine, [table('sluice-0000000b', 254), table('sluice-0000000c', 1)]), 2)
  assert.equal(freeNumber(mine, [table('sluice-0000000a', 5), table('sluice-0000000b', 254)]), 5)
  // Made where the kernel keeps no comments.
  assert.equal(freeNumber(mine, [table('sluice-0000000a', undefined)]), 254)
})

test('a table says whose it is, as far as a comment goes', () => {
  assert.equal(tableComment({ number: 10, dataDir: '/var/lib/sluice' }), 'marks 0x0a000000/8 of /var/lib/sluice')
  assert.equal(tableComment({ number: 254, dataDir: `/${'x'.repeat(200)}` }), 'marks 0xfe000000/8')
})
