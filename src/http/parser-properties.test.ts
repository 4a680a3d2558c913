import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { noise } from './noise.fixture.ts'
import { parseAnswer, parseRequests } from './parse.fixture.ts'

test('any split of the bytes gives the same requests and refusals', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const { request, split } = noise(random)
  let accepted = 0
  for (let i = 0; i < 4_000; i++) {
    const text = Array.from({ length: 1 + random(3) }, request).join('')
    const mode = (['monitor', 'defensive', 'strictest'] as const)[random(3)]!
    const whole = parseRequests([text], mode)
    accepted += whole.requests.length
    assert.deepEqual(parseRequests(split(text), mode), whole, `seed ${seed}: ${mode} ${JSON.stringify(text)}`)
  }
  assert.ok(accepted > 1_000, `seed ${seed}: only ${accepted} were accepted`)
})

test('any split of the bytes gives the same answers', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const { response, split } = noise(random)
  for (let i = 0; i < 4_000; i++) {
    const text = Array.from({ length: 1 + random(2) }, response).join('')
    const about = { method: random(8) > 0 ? 'GET' : 'HEAD', isClosed: random(2) === 0 }
    assert.deepEqual(
      parseAnswer(split(text), about),
      parseAnswer([text], about),
      `seed ${seed}: ${JSON.stringify(text)}`,
    )
  }
})

test('no bytes at all make a parser throw', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const octets = '\0\t\n\r :;,=/\x7f\xc5\xbf0aAGETHost'
  for (let i = 0; i < 4_000; i++) {
    const text = Array.from({ length: random(200) }, () => octets[random(octets.length)]!).join('')
    assert.doesNotThrow(
      () => {
        parseRequests([text])
        parseRequests([`GET / HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`])
        parseRequests([`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${text}`])
        parseAnswer([`HTTP/1.1 200 OK\r\n${text}\r\n\r\n`], { isClosed: true })
      },
      `seed ${seed}: ${JSON.stringify(text)}`,
    )
  }
})
