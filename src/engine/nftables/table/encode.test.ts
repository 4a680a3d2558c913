import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { before, type TestContext, test } from 'node:test'
import { lacking } from '../../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../../test/own-network.ts'
import { Netlink } from '../netlink/netlink.ts'
import { NetlinkMessages, NFNL_SUBSYS_NFTABLES } from '../netlink/netlink-message.ts'
import type { NftSet } from '../ruleset.ts'
import { deleteElements, deleteSlots, flushSet, putElements, putSet, putSlots } from './encode-set.ts'
import { putTable } from './encode-table.ts'
import { everyStatement } from './every-statement.fixture.ts'
import { printRuleset } from './print-ruleset.ts'
import { rulesetMessages } from './put-ruleset.fixture.ts'

const table = 'sluice-00000000'
const isRoot = process.getuid?.() === 0

before(() => {
  if (isRoot) enterOwnNetwork()
})

/** A socket to this test's own network namespace, empty of rules. */
async function emptyKernel(t: TestContext): Promise<Netlink | undefined> {
  if (!isRoot) lacking(t, 'root')
  else if (spawnSync('nft', ['--version']).error) lacking(t, 'nft (Debian: nftables)')
  else {
    nft(['flush', 'ruleset'])
    const netlink = await Netlink.open()
    t.after(() => netlink.close())
    return netlink
  }
  return undefined
}

function nft(args: readonly string[], input = ''): string {
  return execFileSync('nft', args, { input, encoding: 'utf8' })
}

/** nft lists elements in the kernel's order, which is none. */
function sorted(listing: string): string {
  return listing.replaceAll(/elements = \{([^}]*)\}/g, (_, elements: string) => {
    const each = elements.split(',').map(element => element.replaceAll(/\s+/g, ' ').trim())
    return `elements = {\n${each.sort().join(',\n')}\n}`
  })
}

function transaction(write: (m: NetlinkMessages) => void): NetlinkMessages {
  const m = new NetlinkMessages()
  m.batchBegin(NFNL_SUBSYS_NFTABLES)
  write(m)
  m.batchEnd(NFNL_SUBSYS_NFTABLES)
  return m
}

test('nft lists what was put in by netlink as it lists the printed ruleset that it took itself', async t => {
  const netlink = await emptyKernel(t)
  if (netlink === undefined) return
  nft(['-f', '-'], printRuleset(table, everyStatement, { slots: true }))
  const wanted = sorted(nft(['list', 'ruleset']))
  nft(['flush', 'ruleset'])
  netlink.send(rulesetMessages(table, everyStatement))
  assert.equal(sorted(nft(['list', 'ruleset'])), wanted)
})

const slotMap = (marks: Uint32Array, digest: number) =>
  ({ name: 'tg/web/3', key: ['mark'], data: ['mark'], content: { marks, digest } }) satisfies NftSet

test('all slots of a map may change in one transaction, and its size is enough for that', async t => {
  const netlink = await emptyKernel(t)
  if (netlink === undefined) return
  const [old, now] = [slotMap(Uint32Array.of(1, 2, 3), 8), slotMap(Uint32Array.of(4, 5, 6), 9)]
  netlink.send(
    transaction(m => {
      putTable(m, table, false)
      putSet(m, table, old, 1)
      putSlots(m, table, old, old.content)
    }),
  )
  netlink.send(
    transaction(m => {
      deleteSlots(m, table, old, old.content)
      putSlots(m, table, now, now.content)
    }),
  )
  assert.match(
    sorted(nft(['list', 'ruleset'])),
    /0 : 0x00000004,\n0x00000001 : 0x00000005,\n0x00000002 : 0x00000006,\n0x00000003 : 0x00000009\n/,
  )
  netlink.send(
    transaction(m => {
      flushSet(m, table, now.name)
      putSlots(m, table, old, old.content)
    }),
  )
  assert.match(nft(['list', 'ruleset']), /0x00000003 : 0x00000008/)
})

test('an element that is there stays as it is, and has to go before it is put with another value', async t => {
  const netlink = await emptyKernel(t)
  if (netlink === undefined) return
  const set = { name: 'groups', key: ['mark'], data: ['mark'], content: 'shared' } satisfies NftSet
  const element = { key: [1], value: [2], comment: 'first' }
  netlink.send(
    transaction(m => {
      putTable(m, table, false)
      putSet(m, table, set, 1)
      putElements(m, table, set, [element])
    }),
  )
  netlink.send(transaction(m => putElements(m, table, set, [{ ...element, comment: 'second' }])))
  assert.match(nft(['list', 'ruleset']), /0x00000001 comment "first" : 0x00000002/)
  const other = { ...element, value: [3] }
  assert.throws(() => netlink.send(transaction(m => putElements(m, table, set, [other]))), { code: 'EEXIST' })
  netlink.send(
    transaction(m => {
      deleteElements(m, table, set, [element])
      putElements(m, table, set, [other])
    }),
  )
  assert.match(nft(['list', 'ruleset']), /0x00000001 comment "first" : 0x00000003/)
  assert.throws(() => netlink.send(transaction(m => deleteElements(m, table, set, [{ key: [9] }]))), { code: 'ENOENT' })
})

test('ranges that share a bound are moved in one transaction', async t => {
  const netlink = await emptyKernel(t)
  if (netlink === undefined) return
  const set = { name: 'weights', key: ['mark'], data: ['mark'], interval: true, content: 'shared' } satisfies NftSet
  const halves = (bound: number) => [
    { key: [0], to: [bound - 1], value: [1] },
    { key: [bound], to: [0xffff_ffff], value: [2] },
  ]
  netlink.send(
    transaction(m => {
      putTable(m, table, false)
      putSet(m, table, set, 1)
      putElements(m, table, set, halves(10))
    }),
  )
  netlink.send(
    transaction(m => {
      deleteElements(m, table, set, halves(10))
      putElements(m, table, set, halves(700))
    }),
  )
  assert.match(
    sorted(nft(['list', 'ruleset'])),
    /\n0x00000000-0x000002bb : 0x00000001,\n0x000002bc-0xffffffff : 0x00000002\n/,
  )
})
