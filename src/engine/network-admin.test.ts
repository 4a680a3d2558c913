import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAdmin } from './network-admin.ts'

const all = '000001ffffffffff'
const none = '0000000000000000'
const netAdmin = '0000000000001000'
/** Docker's default. */
const container = '00000000a80425fb'

const status = (uid: number, CapEff: string, CapBnd: string, CapAmb: string) =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${CapEff}\nCapBnd:\t${CapBnd}\nCapAmb:\t${CapAmb}\n`

for (const [who, text, expected] of [
  ['root', status(0, all, all, none), true],
  ['root of a container', status(0, container, container, none), false],
  ['root that would lose it with the next program', status(0, all, container, none), false],
  ['another user', status(1000, none, all, none), false],
  ['another user who was given it for this program alone', status(1000, netAdmin, all, none), false],
  ['another user who was given it to pass on', status(1000, netAdmin, all, netAdmin), true],
  ['a process of no such system', '', false],
] as const) {
  test(`${who} ${expected ? 'may' : 'may not'} change the network`, () => assert.equal(isAdmin(text), expected))
}
