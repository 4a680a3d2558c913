import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Chain, NftSet } from '../ruleset.ts'
import {
  chainPiece,
  contentPiece,
  counterPiece,
  elementPiece,
  type Piece,
  rulesPiece,
  setPiece,
  slotsPiece,
} from './piece.ts'
import { deletionsOf, stepsOf } from './steps.ts'
import type { Change } from './wanted.ts'

const entry: Chain = { name: 'entry', hook: { type: 'nat', hook: 'prerouting', priority: -105 }, rules: [] }
const listener: Chain = { name: 'listener', rules: [] }
const groups: NftSet = { name: 'groups', key: ['mark'], data: 'verdict', content: 'shared' }
const targets: NftSet = { name: 'targets', key: ['mark'], data: ['ipv4_addr', 'inet_service'], content: 'shared' }
const links: NftSet = { name: 'links', key: ['ipv4_addr'], interval: true, content: 'shared' }
const admitted: NftSet = { name: 'admitted', key: ['ipv4_addr'], interval: true, content: [] }
const slots: NftSet = {
  name: 'slots',
  key: ['mark'],
  data: ['mark'],
  content: { marks: new Uint32Array(3), digest: 1 },
}

const group = elementPiece(groups, { key: [1], value: { verdict: 'jump', chain: 'group' } })
const target = elementPiece(targets, { key: [2], value: ['10.0.0.1', 80] })
const otherTarget = elementPiece(targets, { key: [3], value: ['10.0.0.2', 80] })
const link = elementPiece(links, { key: ['10.0.0.0'], to: ['10.0.0.255'] })
const pieces: readonly Piece[] = [
  rulesPiece(entry, []),
  group,
  link,
  rulesPiece(listener, []),
  contentPiece(admitted, []),
  slotsPiece(slots, { marks: new Uint32Array(3), digest: 1 }),
  target,
  counterPiece('flows'),
  chainPiece(listener),
  setPiece(targets),
  otherTarget,
]

test('what is new goes ahead, what others refer to first; the ways that packets take come last, together', () => {
  assert.deepEqual(stepIds(pieces.map(piece => change(piece, true))), {
    ahead: [
      ['counter flows'],
      ['set targets'],
      ['chain listener'],
      [target.id, otherTarget.id],
      ['slots slots'],
      ['rules listener'],
      ['content admitted'],
    ],
    together: [['rules entry'], [group.id], [link.id]],
  })
})

test('rules and ranges that packets meet already change together with their ways', () => {
  const changes = [
    rulesPiece(listener, []),
    contentPiece(admitted, []),
    slotsPiece(slots, { marks: new Uint32Array(3), digest: 1 }),
  ]
  assert.deepEqual(stepIds(changes.map(piece => change(piece, false))), {
    ahead: [['slots slots']],
    together: [['rules listener'], ['content admitted']],
  })
})

test('elements of one set are one step for each part that brings them', () => {
  const { ahead } = stepIds([change(target, true), { ...change(otherTarget, true), part: 'other' }])
  assert.deepEqual(ahead, [[target.id], [otherTarget.id]])
})

test('what refers to others is deleted before those, and a chain goes or stays with its rules, a set with its content', () => {
  assert.deepEqual(
    deletionsOf([...pieces, chainPiece(entry)]).map(({ piece, unit }) => [piece.id, unit]),
    [
      ['rules entry', 'chain entry'],
      ['rules listener', 'chain listener'],
      [group.id, group.id],
      [link.id, link.id],
      [target.id, target.id],
      [otherTarget.id, otherTarget.id],
      ['set targets', 'set targets'],
      ['content admitted', 'set admitted'],
      ['slots slots', 'set slots'],
      ['chain listener', 'chain listener'],
      ['chain entry', 'chain entry'],
      ['counter flows', 'counter flows'],
    ],
  )
})

function change(piece: Piece, isNew: boolean): Change {
  return { part: 'part', piece, was: isNew ? undefined : piece, isNew }
}

function stepIds(changes: readonly Change[]) {
  const { ahead, together } = stepsOf(changes)
  const ids = (steps: typeof ahead) => steps.map(step => step.map(({ piece }) => piece.id))
  return { ahead: ids(ahead), together: ids(together) }
}
