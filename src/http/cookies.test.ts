import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import type { SnapshotGroup } from '../domain/snapshot.ts'
import type { Stickiness } from '../domain/snapshot-http.ts'
import { StickyCookies } from './cookies.ts'
import { requestHead, responseHead } from './head.fixture.ts'
import type { RequestHead, ResponseHead } from './head.ts'

const secret = 'ab'.repeat(32)
const now = Date.UTC(2026, 0, 1)
const day = 86_400

function groupOf(arn: string, stickiness?: Stickiness): SnapshotGroup {
  const http = {
    targetGroupArn: arn,
    protocolVersion: 'HTTP1',
    algorithm: 'round_robin',
    anomalyMitigation: false,
    slowStartMs: 0,
    ...(stickiness === undefined ? {} : { stickiness }),
  } as const
  return { id: `${arn} HTTP *`, targets: [], sticky: false, proxyProtocol: false, preserveClientIp: false, http }
}

const sticky = groupOf('arn:blue', { durationSeconds: day })
const byApplication = groupOf('arn:blue', { cookieName: 'SESSION', durationSeconds: day })

function requestWith(...cookieLines: string[]): RequestHead {
  return requestHead(['GET / HTTP/1.1', 'Host: a', ...cookieLines.map(line => `Cookie: ${line}`)])
}

const plainAnswer: ResponseHead = responseHead(['HTTP/1.1 200 OK', 'Content-Length: 0'])

/** The `name=value` of each Set-Cookie value. */
const pairs = (values: readonly string[]) => values.map(value => value.split(';')[0]!)

/** A cookie as a client has it, for a target of the group. */
function issue(cookies: StickyCookies, group: SnapshotGroup, key: string, at = now): string {
  return pairs(cookies.forTarget(group, key, key, plainAnswer, false, at))[0]!
}

test('a target is named for as long as the stickiness lasts, by either cookie, among others', () => {
  const cookies = new StickyCookies(secret)
  const [first = '', twin = ''] = pairs(cookies.forTarget(sticky, 'i-1:80', undefined, plainAnswer, true, now))
  for (const line of [first, twin, `a=b; ${first}; c=d`, `a=b;\t ${twin};c`, `XAWSALB=1; AWSALB=bad; ${first}`]) {
    assert.equal(cookies.targetOf(requestWith('x=y', line), sticky, now), 'i-1:80', line)
    assert.equal(cookies.targetOf(requestWith(line), sticky, now + 1_000 * day - 1), 'i-1:80', line)
    assert.equal(cookies.targetOf(requestWith(line), sticky, now + 1_000 * day), undefined, line)
  }
})

test('cookies look as an Application Load Balancer makes them', () => {
  const cookies = new StickyCookies(secret)
  const shapes = (values: readonly string[]) => values.map(value => value.replace(/=[\w-]{40,}/, '=...'))
  const expires = 'Expires=Thu, 08 Jan 2026 00:00:00 GMT; Path=/'
  assert.deepEqual(shapes(cookies.forTarget(sticky, 'k', undefined, plainAnswer, true, now)), [
    `AWSALB=...; ${expires}`,
    `AWSALBCORS=...; ${expires}; SameSite=None; Secure`,
  ])
  assert.deepEqual(shapes(cookies.forTarget(sticky, 'k', undefined, plainAnswer, false, now)), [
    `AWSALB=...; ${expires}`,
    `AWSALBCORS=...; ${expires}; SameSite=None`,
  ])
  assert.deepEqual(shapes(cookies.forGroup('arn:blue', day, true, now)), [
    `AWSALBTG=...; ${expires}`,
    `AWSALBTGCORS=...; ${expires}; SameSite=None; Secure`,
  ])
  assert.deepEqual(shapes(cookies.forTarget(byApplication, 'k', 'k', plainAnswer, true, now)), [
    `AWSALBAPP-0=...; ${expires}`,
  ])
})

test('answers of one second have the same cookies, and each second begins their time anew', () => {
  const cookies = new StickyCookies(secret)
  const at = (time: number) => cookies.forTarget(sticky, 'k', undefined, plainAnswer, false, time)
  assert.equal(at(now), at(now + 999))
  const later = pairs(at(now + 1_000))[0]!
  assert.notEqual(later, pairs(at(now))[0])
  assert.equal(cookies.targetOf(requestWith(later), sticky, now + 1_000 * day), 'k')
})

test('without stickiness nothing is issued and nothing is read', () => {
  const cookies = new StickyCookies(secret)
  const group = groupOf('arn:blue')
  assert.deepEqual(cookies.forTarget(group, 'k', undefined, plainAnswer, true, now), [])
  assert.equal(cookies.targetOf(requestWith(issue(cookies, sticky, 'k')), group, now), undefined)
})

test("with an application's cookie ours is issued beside it, both must come back, and its time begins anew with each answer", () => {
  const cookies = new StickyCookies(secret)
  const named = responseHead([
    'HTTP/1.1 200 OK',
    'Content-Length: 0',
    'Set-Cookie: a=b',
    'Set-Cookie: SESSION=1; Path=/',
  ])
  const other = responseHead(['HTTP/1.1 200 OK', 'Content-Length: 0', 'Set-Cookie: SESSIONS=1'])
  const issued = pairs(cookies.forTarget(byApplication, 'k', undefined, named, true, now))[0]!
  assert.match(issued, /^AWSALBAPP-0=/)
  assert.deepEqual(cookies.forTarget(byApplication, 'k', undefined, other, true, now), [])
  assert.equal(cookies.targetOf(requestWith(`${issued}; SESSION=2`), byApplication, now), 'k')
  assert.equal(cookies.targetOf(requestWith(issued), byApplication, now), undefined)
  assert.equal(cookies.targetOf(requestWith('SESSION=1'), byApplication, now), undefined)
  assert.equal(cookies.forTarget(byApplication, 'k', 'k', plainAnswer, true, now).length, 1)
  assert.deepEqual(cookies.forTarget(byApplication, 'k', 'gone', plainAnswer, true, now), [])
})

test('a group is named by its own cookie', () => {
  const cookies = new StickyCookies(secret)
  const [first = '', twin = ''] = pairs(cookies.forGroup('arn:blue', 60, true, now))
  for (const line of [first, twin]) {
    assert.equal(cookies.groupOf(requestWith(line), now + 59_999), 'arn:blue')
    assert.equal(cookies.groupOf(requestWith(line), now + 60_000), undefined)
  }
  assert.equal(cookies.groupOf(requestWith('a=b'), now), undefined)
})

test('a cookie is void for another group, another load balancer, or as another cookie, also once it was read for its own', () => {
  const cookies = new StickyCookies(secret)
  const value = issue(cookies, sticky, 'k').replace('AWSALB=', '')
  const green = groupOf('arn:green', { durationSeconds: day })
  for (const reader of [cookies, new StickyCookies(secret)]) {
    for (const _ of ['first', 'again']) {
      assert.equal(reader.targetOf(requestWith(`AWSALB=${value}`), green, now), undefined)
      assert.equal(reader.targetOf(requestWith(`AWSALBAPP-0=${value}; SESSION=1`), byApplication, now), undefined)
      assert.equal(reader.groupOf(requestWith(`AWSALBTG=${value}`), now), undefined)
      assert.equal(reader.targetOf(requestWith(`AWSALB=${value}`), sticky, now), 'k')
    }
  }
  assert.equal(new StickyCookies('cd'.repeat(32)).targetOf(requestWith(`AWSALB=${value}`), sticky, now), undefined)
})

test('a cookie with any of its bits changed, cut short or made up names nothing', t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const cookies = new StickyCookies(secret)
  const value = issue(cookies, sticky, 'i-1:80').replace('AWSALB=', '')
  const bytes = Buffer.from(value, 'base64url')
  const forged: string[] = ['', '=', 'x', 'i-1:80', value.slice(1), `${value}AAAA`, 'A'.repeat(4_000)]
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const copy = Buffer.from(bytes)
    copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7))
    forged.push(copy.toString('base64url'))
  }
  // Up to the last character but one: the last may hold bits that say nothing.
  for (let length = 0; length < value.length - 1; length++) forged.push(value.slice(0, length))
  for (let i = 0; i < 200; i++)
    forged.push(Buffer.from(Array.from({ length: random(90) }, () => random(256))).toString('base64url'))
  for (const text of forged) assert.equal(cookies.targetOf(requestWith(`AWSALB=${text}`), sticky, now), undefined, text)
  assert.equal(cookies.targetOf(requestWith(`AWSALB=${value}`), sticky, now), 'i-1:80')
})

test('a cookie of one process is good in another', () => {
  const value = issue(new StickyCookies(secret), sticky, 'k')
  assert.equal(new StickyCookies(secret).targetOf(requestWith(value), sticky, now), 'k')
})

test('of many cookies of the name only the first few are looked at', () => {
  const cookies = new StickyCookies(secret)
  const good = issue(cookies, sticky, 'k')
  assert.equal(cookies.targetOf(requestWith(`${'AWSALB=bad; '.repeat(2)}${good}`), sticky, now), 'k')
  assert.equal(cookies.targetOf(requestWith(`${'AWSALB=bad; '.repeat(900)}${good}`), sticky, now), undefined)
})
