import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commentIn, elementNotes, findNote, note, word } from './notes.ts'

test('a note is found among others, whatever stands behind it', () => {
  const notes = Buffer.concat([note(1, Buffer.of()), note(0x53, word(0xfeedbeef)), note(2, Buffer.of(7))])
  assert.equal(findNote(notes, 0x53)?.readUInt32LE(0), 0xfeedbeef)
  assert.equal(findNote(notes, 2)?.length, 1)
  assert.equal(findNote(notes, 9), undefined)
  assert.equal(findNote(notes.subarray(0, 5), 0x53), undefined, 'one that is cut off')
  assert.throws(() => note(1, Buffer.alloc(256)), /256 bytes/)
})

test('the comment of an element is read as it was written', () => {
  assert.equal(commentIn(elementNotes('tg/web', true)), 'tg/web')
  assert.equal(commentIn(elementNotes(undefined, true)), undefined)
})
