import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { lacking } from '../../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../../test/own-network.ts'
import { putMessage } from '../table/attributes.ts'
import { putElements, putSet } from '../table/encode-set.ts'
import { deleteChain, putChain, putTable } from '../table/encode-table.ts'
import * as nf from '../table/nf-tables.ts'
import { Netlink, NetlinkError } from './netlink.ts'
import {
  attributesOf,
  eachAttribute,
  NetlinkMessages,
  NFNL_SUBSYS_NFTABLES,
  NLM_F_CREATE,
  NLM_F_DUMP,
} from './netlink-message.ts'

const isRoot = process.getuid?.() === 0
before(() => {
  if (isRoot) enterOwnNetwork()
})

const table = 'sluice-00000000'

function transaction(write: (m: NetlinkMessages) => void): NetlinkMessages {
  const m = new NetlinkMessages()
  m.batchBegin(NFNL_SUBSYS_NFTABLES)
  write(m)
  m.batchEnd(NFNL_SUBSYS_NFTABLES)
  return m
}

function dumpElements(set: string): NetlinkMessages {
  const m = new NetlinkMessages()
  putMessage(m, nf.NFT_MSG_GETSETELEM, NLM_F_DUMP, () => {
    m.text(nf.NFTA_SET_ELEM_LIST_TABLE, table)
    m.text(nf.NFTA_SET_ELEM_LIST_SET, set)
  })
  return m
}

test('a refusal has the code, the message that it is about, and the words that the kernel has for it', async t => {
  if (!isRoot) return lacking(t, 'root')
  const netlink = await Netlink.open()
  t.after(() => netlink.close())
  const missing = transaction(m => {
    putTable(m, table, false)
    deleteChain(m, table, 'no-such-chain')
    deleteChain(m, table, 'nor-this')
  })
  assert.throws(() => netlink.send(missing), {
    code: 'ENOENT',
    index: 2,
    message: 'the kernel refused message 2: ENOENT',
  })
  assert.deepEqual(
    netlink.attempt(missing).map(({ code, index }) => [code, index]),
    [
      ['ENOENT', 2],
      ['ENOENT', 3],
    ],
  )
  const malformed = transaction(m => {
    putMessage(m, nf.NFT_MSG_NEWTABLE, NLM_F_CREATE, () => {
      m.text(nf.NFTA_TABLE_NAME, table)
      m.u8(nf.NFTA_TABLE_FLAGS, 0)
    })
  })
  assert.throws(() => netlink.send(malformed), { code: 'ERANGE', index: 1, message: /ERANGE \(.*attribute.*\)/i })
})

test('nothing of a transaction is done of which one message is refused', async t => {
  if (!isRoot) return lacking(t, 'root')
  const netlink = await Netlink.open()
  t.after(() => netlink.close())
  const half = transaction(m => {
    putTable(m, table, false)
    putChain(m, table, { name: 'made' })
    deleteChain(m, table, 'no-such-chain')
  })
  assert.throws(() => netlink.send(half), NetlinkError)
  const tables = new NetlinkMessages()
  putMessage(tables, nf.NFT_MSG_GETTABLE, NLM_F_DUMP, () => {})
  let found = 0
  netlink.request(tables, () => found++)
  assert.equal(found, 0)
})

test('more refusals than the socket has room for are still a refusal', async t => {
  if (!isRoot) return lacking(t, 'root')
  const netlink = await Netlink.open()
  t.after(() => netlink.close())
  const failures = netlink.attempt(
    transaction(m => {
      for (let i = 0; i < 20_000; i++) deleteChain(m, table, 'no-such-chain')
    }),
  )
  assert.ok(failures.length > 0 && failures.length < 20_000, `${failures.length} refusals`)
  assert.equal(failures[0]?.index, 1)
})

test('a dump of many datagrams comes to its end, at once or in pieces', async t => {
  if (!isRoot) return lacking(t, 'root')
  const netlink = await Netlink.open()
  t.after(() => netlink.close())
  const set = { name: 'marks', key: ['mark'], content: 'shared' } as const
  netlink.send(
    transaction(m => {
      putTable(m, table, false)
      putSet(m, table, set, 1)
      putElements(
        m,
        table,
        set,
        Array.from({ length: 5000 }, (_, i) => ({ key: [i] })),
      )
    }),
  )
  const count = (view: DataView) => {
    const list = attributesOf(view).get(nf.NFTA_SET_ELEM_LIST_ELEMENTS)
    let elements = 0
    if (list !== undefined) eachAttribute(view, () => elements++, list.at, list.at + list.length)
    return elements
  }
  let atOnce = 0
  assert.ok(netlink.request(dumpElements('marks'), (_, view) => (atOnce += count(view))).isConsistent)
  assert.equal(atOnce, 5000)
  let [inPieces, pieces] = [0, 0]
  for (const _ of netlink.read(dumpElements('marks'), (_, view) => (inPieces += count(view)))) pieces++
  assert.equal(inPieces, 5000)
  assert.ok(pieces > 1, `${pieces} pieces`)
})

test('what is left of an answer that nobody read is not taken for the next one', async t => {
  if (!isRoot) return lacking(t, 'root')
  const netlink = await Netlink.open()
  t.after(() => netlink.close())
  const tables = new NetlinkMessages()
  putMessage(tables, nf.NFT_MSG_GETTABLE, NLM_F_DUMP, () => {})
  for (const _ of netlink.read(tables, () => {})) break
  assert.deepEqual(netlink.attempt(transaction(m => putTable(m, table, false))), [])
})

test('a dump that the kernel refuses is an error', async t => {
  if (!isRoot) return lacking(t, 'root')
  const netlink = await Netlink.open()
  t.after(() => netlink.close())
  assert.throws(() => netlink.request(dumpElements('no-such-set'), () => {}), { code: 'ENOENT', index: 0 })
})
