/**
 * The HTTP/1 part of reliability row A5: what h1spec (github.com/uNetworking/h1spec) asks of a server, in a table of our own. An
 * ALB lets two of them pass unless it is told to be strict (AWS: Desync mitigation modes, NonCompliantHeader).
 */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { slackMs } from '../long.ts'
import { httpStage } from './http-stage.ts'
import { converse } from './raw-http.ts'

const host = 'Host: example.com\r\n'

/** What is said; statuses from and to, several such pairs; and the body of a 200, where it has to be this one. */
type Case = readonly [what: string, said: string, statuses: readonly (readonly [number, number])[], body?: string]

const good = [[200, 299]] as const
const refused = [[400, 499]] as const
const failed = [[400, 599]] as const

const cases: readonly Case[] = [
  ['a request without a version', 'GET / \r\n\r\n', failed],
  ['an expectation', `GET / HTTP/1.1\r\n${host}Expect: 100-continue\r\n\r\n`, [[100, 100], ...good]],
  ['a plain GET', `GET / HTTP/1.1\r\n${host}\r\n`, good],
  ['names in any case, a tab, an empty value', 'GET / HTTP/1.1\r\nhoSt:\texample.com\r\nempty:\r\n\r\n', good],
  ['brackets in a field name', `GET / HTTP/1.1\r\n${host}X-Invalid[]: test\r\n\r\n`, refused],
  ['no Host', 'GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n', refused],
  ['two Hosts', `GET / HTTP/1.1\r\n${host}Host: example.org\r\n\r\n`, refused],
  ['a huge negative length', `GET / HTTP/1.1\r\n${host}Content-Length: -123456789123456789123456789\r\n\r\n`, refused],
  ['a negative length', `GET / HTTP/1.1\r\n${host}Content-Length: -1234\r\n\r\n`, refused],
  ['letters as a length', `GET / HTTP/1.1\r\n${host}Content-Length: abc\r\n\r\n`, refused],
  ['a value of a space', `GET / HTTP/1.1\r\n${host}X-Empty-Header: \r\n\r\n`, good],
  ['a control character in a value', `GET / HTTP/1.1\r\n${host}X-Bad-Control-Char: test\x07\r\n\r\n`, refused],
  ['HTTP/9.9', `GET / HTTP/9.9\r\n${host}\r\n`, failed],
  ['words before the method', `Extra lineGET / HTTP/1.1\r\n${host}\r\n`, failed],
  ['a CR where a field should begin', `GET / HTTP/1.1\r\n${host}\rSome-Header: Test\r\n\r\n`, refused],
  ['a POST with a length', `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`, good, 'hello'],
  [
    'a POST in chunks',
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nc\r\nHellO world1\r\n0\r\n\r\n`,
    good,
    'HellO world1',
  ],
  [
    'chunks and a length',
    `POST / HTTP/1.1\r\n${host}content-LengtH: 5\r\nTransFer-Encoding: chunked\r\n\r\nc\r\nHellO world1\r\n0\r\n\r\n`,
    [...refused, ...good],
    'HellO world1',
  ],
]

/** After each of these a server waits for more. */
const beginnings = [
  ...['G', 'GET ', 'GET /hello', 'GET /hello ', 'GET /hello HTTP', 'GET /hello HTTP/1.1', 'GET /hello HTTP/1.1\r'],
  ...['', 'Hos', 'Host:', 'Host: ', 'Host: localhost', 'Host: localhost\r', 'Host: localhost\r\n'].map(
    field => `GET /hello HTTP/1.1\r\n${field}`,
  ),
  'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r',
]

/** An ALB that is not strict takes these as they are. */
const tolerated = ['brackets in a field name', 'a control character in a value']

/** What went otherwise than h1spec wants it. */
async function judge(t: TestContext, port: number): Promise<readonly string[]> {
  const waiting = beginnings.map(said => ({ said, conversation: converse(t, port, said) }))
  const wrong = await Promise.all(
    cases.map(async ([what, said, statuses, body]) => {
      const conversation = converse(t, port, said)
      await conversation.answered(500 + slackMs)
      // An answer's body may come a moment later.
      if (body !== undefined) await pause(100)
      const { text, status } = conversation
      const isRight = statuses.some(([from, to]) => status >= from && status <= to)
      return isRight && (status !== 200 || body === undefined || bodyOf(text) === body) ? [] : [what]
    }),
  )
  await pause(500)
  const impatient = waiting.filter(({ conversation: { text, endedAt } }) => text !== '' || endedAt > 0)
  for (const { conversation } of waiting) conversation.socket.destroy()
  return [...wrong.flat(), ...impatient.map(({ said }) => JSON.stringify(said))]
}

function bodyOf(text: string): string {
  const end = text.indexOf('\r\n\r\n')
  const body = text.slice(end + 4)
  if (!/transfer-encoding: chunked/i.test(text.slice(0, end))) return body
  return [...body.matchAll(/([0-9a-f]+)\r\n([^\r]*)\r\n/g)].map(([, , data]) => data).join('')
}

suite('A5', { concurrency: true }, () => {
  for (const [mode, port, otherwise] of [
    ['strictest', 28_711, []],
    ['defensive', 28_712, tolerated],
  ] as const) {
    test(`${mode}: ${33 - otherwise.length} of the 33 cases of h1spec are as it wants them`, async t => {
      await httpStage(t, {
        port,
        targets: 1,
        attributes: { 'routing.http.desync_mitigation_mode': mode },
        answer: (request, response) => request.pipe(response),
      })
      assert.equal(cases.length + beginnings.length, 33)
      assert.deepEqual(await judge(t, port), otherwise)
    })
  }
})
