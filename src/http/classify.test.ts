import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { type DesyncMode, resembles } from './classify.ts'
import { parseRequests } from './parse.fixture.ts'

/** AWS's own test data for its classifier, http-desync-guardian; see desync/README.md. */
const folder = join(import.meta.dirname, 'desync')

interface Case {
  readonly name: string
  readonly method: string
  readonly uri: string
  readonly version: string
  readonly headers: readonly { readonly name: string; readonly value: string | number }[] | null
  readonly expected: { readonly tier: string; readonly reason: string }
}

const cases = globSync('*.yaml', { cwd: folder }).flatMap(
  file => parse(readFileSync(join(folder, file), 'utf8')) as readonly Case[],
)

/** The case as bytes; with a Host, which HTTP/1.1 asks for and no verdict depends on. */
function bytesOf({ method, uri, version, headers }: Case): string {
  const lines = (headers ?? []).map(({ name, value }) => `${name}: ${value}\r\n`)
  const hasHost = (headers ?? []).some(({ name }) => name.toLowerCase() === 'host')
  const head = `${method} ${uri} ${version}\r\n${lines.join('')}${hasHost ? '' : 'Host: example.com\r\n'}\r\n`
  return Buffer.from(head, 'utf8').toString('latin1')
}

function judge(given: Case, mode: DesyncMode) {
  const { requests, refusal } = parseRequests([bytesOf(given)], mode)
  const verdict = refusal ? `${refusal.verdict.class} ${refusal.verdict.reason}`.trim() : requests[0]?.verdict
  return { verdict, passes: requests.length > 0, status: refusal?.status, request: requests[0] }
}

const expectedOf = ({ expected: { tier, reason } }: Case) => (tier === 'Compliant' ? tier : `${tier} ${reason}`)

test('all of AWS’s verdicts are ours, in each mode', () => {
  assert.ok(cases.length >= 158)
  for (const mode of ['monitor', 'defensive', 'strictest'] as const) {
    for (const given of cases) {
      assert.equal(
        judge(given, mode).verdict,
        expectedOf(given),
        `${mode}: ${given.name}: ${JSON.stringify(bytesOf(given))}`,
      )
    }
  }
})

/** Refused though their verdict lets them pass: a version that knows no framing, codings that are not offered. */
function isNotServed({ version, headers }: Case): boolean {
  if (version === '' || version === 'HTTP/0.9') return true
  return (headers ?? []).some(
    ({ name, value }) => name.toLowerCase() === 'transfer-encoding' && /gzip|deflate|;/.test(String(value)),
  )
}

test('strictest lets compliant requests pass, defensive all but severe ones, and monitor those that have a safe reading', () => {
  for (const given of cases) {
    const { tier } = given.expected
    const about = JSON.stringify(bytesOf(given))
    const isServed = !isNotServed(given)
    assert.equal(judge(given, 'strictest').passes, tier === 'Compliant' && isServed, about)
    assert.equal(judge(given, 'defensive').passes, tier !== 'Severe' && isServed, about)
    if (tier !== 'Severe') assert.equal(judge(given, 'monitor').passes, isServed, about)
    if (tier === 'Severe') assert.equal(judge(given, 'defensive').status, 400, about)
  }
})

test('what passes although it is ambiguous closes both connections in defensive mode', () => {
  for (const given of cases) {
    const { request } = judge(given, 'defensive')
    if (request) assert.equal(request.closesBoth, given.expected.tier === 'Ambiguous', JSON.stringify(bytesOf(given)))
  }
})

test('severe requests pass in monitor mode only without the line that has the NUL', () => {
  const passed = cases.filter(given => given.expected.tier === 'Severe' && judge(given, 'monitor').passes)
  assert.ok(passed.length > 0)
  for (const given of passed) {
    const { request } = judge(given, 'monitor')
    assert.match(bytesOf(given), /\0/)
    assert.ok(request?.closesBoth)
    for (const field of request.fields) assert.doesNotMatch(field, /\0/)
  }
})

test('names resemble others by their letters, also by those that fold to ASCII', () => {
  const like = (name: string) => resembles(Buffer.from(name), 0, Buffer.byteLength(name), 'transferencoding')
  for (const name of [
    'Transfer-Encoding',
    'TRANSFERENCODING',
    '-transfer__encoding ',
    'Tran\u017ffer-Encod\u0131ng',
    '\x01transfer\u2015encoding',
  ]) {
    assert.ok(like(name), name)
  }
  for (const name of ['Transfer-Encodin', 'Transfer-Encodings', 'X-Transfer-Encoding', 'Transfer-Encoding2', '']) {
    assert.ok(!like(name), name)
  }
})
