import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributesOf, eachAttribute, NetlinkMessages, textAt } from '../netlink/netlink-message.ts'
import { type Rule, tcpSyn } from '../ruleset.ts'
import { putExpressions } from './encode-rule.ts'
import { ruleDigest } from './encode-table.ts'
import * as nf from './nf-tables.ts'

/** Names of a rule's expressions; the values that it compares with in hex. */
function expressions(rule: Rule): readonly string[] {
  const m = new NetlinkMessages()
  m.message(0, 0, 0, 0, () => putExpressions(m, rule))
  const view = new DataView(Uint8Array.from(m.numbered(0)).buffer, 16)
  const found: string[] = []
  eachAttribute(view, (_, at, length) => {
    const inside = attributesOf(view, at, at + length)
    found.push(textAt(view, inside.get(nf.NFTA_EXPR_NAME)!))
  })
  return found
}

test('a packet is known to be of a protocol before its fields are read, once', () => {
  const rule: Rule = [
    { match: 'tcp flags', mask: tcpSyn, value: tcpSyn },
    { match: 'tcp sequence', value: 0 },
  ]
  const flags = ['payload', 'bitwise', 'cmp']
  assert.deepEqual(expressions(rule), ['meta', 'cmp', ...flags, 'payload', 'cmp'])
  assert.deepEqual(expressions([{ match: 'meta l4proto', value: 6 }, ...rule]), [
    'meta',
    'cmp',
    ...flags,
    'payload',
    'cmp',
  ])
  assert.deepEqual(
    expressions([{ match: 'meta l4proto', value: 17, not: true }, rule[0]!]),
    ['meta', 'cmp', 'meta', 'cmp', ...flags],
    'that it is not UDP does not make it TCP',
  )
})

test('marks are turned to network order where the map has ranges', () => {
  assert.deepEqual(expressions([{ markFrom: 'slots', ranges: false }]), ['ct', 'lookup', 'ct'])
  assert.deepEqual(expressions([{ markFrom: 'weights', ranges: true }]), ['ct', 'byteorder', 'lookup', 'ct'])
})

test('rules have the same digest when the kernel gets the same', () => {
  const rule: Rule = [{ in: 'admitted', fields: ['ip saddr'], not: true }, { do: 'drop' }]
  assert.equal(ruleDigest(rule), ruleDigest(structuredClone(rule)))
  const others: readonly Rule[] = [
    [{ in: 'admitted', fields: ['ip saddr'] }, { do: 'drop' }],
    [{ in: 'admitted', fields: ['ip daddr'], not: true }, { do: 'drop' }],
    [{ in: 'admitted6', fields: ['ip saddr'], not: true }, { do: 'drop' }],
    [{ in: 'admitted', fields: ['ip saddr'], not: true }, { do: 'accept' }],
  ]
  assert.equal(new Set([rule, ...others].map(ruleDigest)).size, 5)
})

test('a value that is none of its field is an error', () => {
  const encode = (rule: Rule) => () => expressions(rule)
  assert.throws(encode([{ match: 'ip saddr', value: '::1' }]), /::1 is no 'ip saddr'/)
  assert.throws(encode([{ match: 'th dport', value: 65_536 }]), RangeError)
})
