import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newestOutput } from './log-frames.ts'

function frame(stream: 1 | 2, output: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(Buffer.byteLength(output), 4)
  return Buffer.concat([header, Buffer.from(output)])
}

async function* chunks(whole: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < whole.length; at += length) yield whole.subarray(at, at + length)
}

test('frames become output, however they are cut', async () => {
  const frames = Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n'), frame(1, ''), frame(1, 'more\n')])
  for (let length = 1; length <= frames.length; length++) {
    assert.equal(String(await newestOutput(chunks(frames, length), 100)), 'out\nerr\nmore\n')
  }
})

test('of a long output the newest bytes are left', async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`)
  const frames = Buffer.concat(lines.map(line => frame(1, line)))
  for (const bytes of [0, 1, 8, 1_000, 100_000]) {
    const expected = lines.join('').slice(lines.join('').length - bytes)
    assert.equal(String(await newestOutput(chunks(frames, 4_096), bytes)), expected)
  }
})
