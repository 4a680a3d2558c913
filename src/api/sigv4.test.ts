import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credentials } from './credentials.ts'
import { ApiError } from './errors.ts'
import type { Headers } from './front.ts'
import { sign, type ToSign } from './sign.ts'
import { claimedScope, type SignedRequest, verifySignature } from './sigv4.ts'

const example: Credentials = new Map([['AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY']])
const at = Date.UTC(2015, 7, 30, 12, 36, 0)

/** Of AWS's published Signature Version 4 test suite: all are signed by AKIDEXAMPLE at 20150830T123600Z for `service`. */
const vectors: readonly {
  name: string
  target?: string
  method?: string
  headers?: Headers
  body?: string
  signature: string
}[] = [
  { name: 'get-vanilla', signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  {
    name: 'get-vanilla-query-order-key-case',
    target: '/?Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  {
    name: 'get-vanilla-empty-query-key',
    target: '/?Param1=value1',
    signature: 'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
  },
  {
    name: 'get-vanilla-query-order-encoded',
    target: '/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1',
    signature: '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac',
  },
  {
    name: 'get-utf8',
    target: '/\u1234',
    signature: '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85',
  },
  {
    name: 'get-header-value-order',
    headers: { 'my-header1': ['value4', 'value1', 'value3', 'value2'] },
    signature: '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
  },
  {
    name: 'get-header-value-trim',
    headers: { 'my-header1': [' value1'], 'my-header2': [' "a   b   c"'] },
    signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  },
  {
    name: 'post-vanilla',
    method: 'POST',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  {
    name: 'post-x-www-form-urlencoded',
    method: 'POST',
    headers: { 'content-type': ['application/x-www-form-urlencoded'] },
    body: 'Param1=value1',
    signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  },
]

for (const vector of vectors) {
  test(`the published vector ${vector.name} verifies, and not with another method`, () => {
    const signed = ['host', 'x-amz-date', ...Object.keys(vector.headers ?? {})].sort().join(';')
    const request: SignedRequest = {
      method: vector.method ?? 'GET',
      target: vector.target ?? '/',
      headers: {
        host: ['example.amazonaws.com'],
        'x-amz-date': ['20150830T123600Z'],
        authorization: [
          `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signed}, Signature=${vector.signature}`,
        ],
        ...vector.headers,
      },
      body: Buffer.from(vector.body ?? ''),
    }
    assert.equal(verifySignature(request, example, ['service'], at).accessKeyId, 'AKIDEXAMPLE')
    assert.throws(() => verifySignature({ ...request, method: 'PUT' }, example, ['service'], at), ApiError)
  })
}

const ours: Credentials = new Map([
  ['AKIAALICE', 'alices-secret'],
  ['AKIABOB', 'bobs-secret'],
])
const now = Date.UTC(2026, 0, 15, 23, 58, 0)
const minute = 60_000

const call: ToSign = {
  method: 'POST',
  target: '/',
  headers: { host: ['127.0.0.1:4566'], 'content-type': ['application/x-www-form-urlencoded'] },
  body: 'Action=DescribeLoadBalancers&Version=2015-12-01',
  accessKeyId: 'AKIAALICE',
  secretAccessKey: 'alices-secret',
  region: 'eu-central-1',
  service: 'elasticloadbalancing',
  at: now,
}

const verify = (request: SignedRequest) => verifySignature(request, ours, ['elasticloadbalancing'], now)

test('an honest request verifies, for any region, up to five minutes either way', () => {
  for (const change of [{}, { region: 'mars-north-1' }, { at: now - 5 * minute }, { at: now + 5 * minute }]) {
    assert.equal(verify(sign({ ...call, ...change })).accessKeyId, 'AKIAALICE')
  }
})

/** Each changes one part of an honestly signed request, with `n` from 0 to 19, so that twenty differ. */
const withHeader = (request: SignedRequest, name: string, values: readonly string[] | undefined): SignedRequest => ({
  ...request,
  headers: { ...request.headers, [name]: values },
})
const withAuthorization = (request: SignedRequest, edit: (text: string) => string): SignedRequest => {
  const before = request.headers.authorization?.[0] ?? ''
  const after = edit(before)
  assert.notEqual(after, before, 'a forgery that changes nothing proves nothing')
  return withHeader(request, 'authorization', [after])
}
const flip = (text: string, index: number) =>
  text.slice(0, index) + (text[index] === '0' ? '1' : '0') + text.slice(index + 1)

const forgeries: readonly [string, string, (honest: SignedRequest, n: number) => SignedRequest][] = [
  ['a byte of the body changed', 'SignatureDoesNotMatch', (r, n) => ({ ...r, body: Buffer.from(flip(call.body, n)) })],
  [
    'a byte added to the body',
    'SignatureDoesNotMatch',
    (r, n) => ({ ...r, body: Buffer.from(`${call.body}${n % 10}`) }),
  ],
  ['the body cut', 'SignatureDoesNotMatch', (r, n) => ({ ...r, body: Buffer.from(call.body.slice(0, -1 - n)) })],
  [
    'the method changed',
    'SignatureDoesNotMatch',
    (r, n) => ({ ...r, method: ['GET', 'PUT', 'DELETE', 'post'][n % 4] ?? '' }),
  ],
  ['the path changed', 'SignatureDoesNotMatch', (r, n) => ({ ...r, target: `/${n}` })],
  ['a query added', 'SignatureDoesNotMatch', (r, n) => ({ ...r, target: `/?a=${n}` })],
  ['the host changed', 'SignatureDoesNotMatch', (r, n) => withHeader(r, 'host', [`127.0.0.${n + 2}:4566`])],
  ['a signed header changed', 'SignatureDoesNotMatch', (r, n) => withHeader(r, 'content-type', [`text/${n}`])],
  ['a signed header missing', 'SignatureDoesNotMatch', r => withHeader(r, 'content-type', undefined)],
  ['a signed header twice', 'SignatureDoesNotMatch', (r, n) => withHeader(r, 'content-type', ['a', `${n}`])],
  [
    'the date changed within the five minutes',
    'SignatureDoesNotMatch',
    (r, n) => withHeader(r, 'x-amz-date', [`20260115T2357${10 + n}Z`]),
  ],
  [
    'the date on another day than the scope',
    'SignatureDoesNotMatch',
    (r, n) => withHeader(r, 'x-amz-date', [`20260116T0001${10 + n}Z`]),
  ],
  ['no date', 'IncompleteSignature', r => withHeader(r, 'x-amz-date', undefined)],
  [
    'a date of another form',
    'IncompleteSignature',
    (r, n) => withHeader(r, 'x-amz-date', [`2026-01-15T23:58:${10 + n}Z`]),
  ],
  [
    'a time that does not exist',
    'IncompleteSignature',
    (r, n) => withHeader(r, 'x-amz-date', [`20260115T99${10 + n}00Z`]),
  ],
  ['an x-amz header that is not signed', 'SignatureDoesNotMatch', (r, n) => withHeader(r, `x-amz-meta-${n}`, ['1'])],
  [
    'a payload hash of something else',
    'SignatureDoesNotMatch',
    (_, n) => sign({ ...call, headers: { ...call.headers, 'x-amz-content-sha256': [`${n}`.padStart(64, '0')] } }),
  ],
  [
    'an unsigned payload',
    'SignatureDoesNotMatch',
    () => sign({ ...call, headers: { ...call.headers, 'x-amz-content-sha256': ['UNSIGNED-PAYLOAD'] } }),
  ],
  [
    'a session token that nobody gave',
    'InvalidClientTokenId',
    (_, n) => sign({ ...call, headers: { ...call.headers, 'x-amz-security-token': [`${n}`] } }),
  ],
  ['an unknown access key', 'InvalidClientTokenId', (_, n) => sign({ ...call, accessKeyId: `AKIAMALLORY${n}` })],
  [
    'the access key of somebody else',
    'SignatureDoesNotMatch',
    r => withAuthorization(r, text => text.replace('AKIAALICE', 'AKIABOB')),
  ],
  ['a wrong secret', 'SignatureDoesNotMatch', (_, n) => sign({ ...call, secretAccessKey: `guess-${n}` })],
  ['an empty secret', 'SignatureDoesNotMatch', () => sign({ ...call, secretAccessKey: '' })],
  [
    'a digit of the signature changed',
    'SignatureDoesNotMatch',
    (r, n) => withAuthorization(r, text => flip(text, text.length - 64 + n * 3)),
  ],
  ['a shorter signature', 'SignatureDoesNotMatch', (r, n) => withAuthorization(r, text => text.slice(0, -1 - n))],
  ['a longer signature', 'SignatureDoesNotMatch', (r, n) => withAuthorization(r, text => text + 'a'.repeat(n + 1))],
  [
    'an empty signature',
    'IncompleteSignature',
    r => withAuthorization(r, text => text.replace(/Signature=.*/, 'Signature=')),
  ],
  [
    'the region of the scope changed',
    'SignatureDoesNotMatch',
    (r, n) => withAuthorization(r, text => text.replace('eu-central-1', `eu-central-${n + 2}`)),
  ],
  [
    'another service, honestly signed',
    'SignatureDoesNotMatch',
    (_, n) => sign({ ...call, service: n % 2 ? 'ec2' : `s${n}` }),
  ],
  [
    'the service of the scope changed',
    'SignatureDoesNotMatch',
    r => withAuthorization(r, text => text.replace('elasticloadbalancing', 'sts')),
  ],
  [
    'the date of the scope changed',
    'SignatureDoesNotMatch',
    (r, n) => withAuthorization(r, text => text.replace('/20260115/', `/202602${n + 10}/`)),
  ],
  [
    'a scope of another day, honestly signed',
    'SignatureDoesNotMatch',
    (_, n) => sign({ ...call, scopeDate: `202602${n + 10}` }),
  ],
  [
    'another terminator',
    'SignatureDoesNotMatch',
    (r, n) => withAuthorization(r, text => text.replace('aws4_request', `aws${n + 5}_request`)),
  ],
  [
    'a scope of four parts',
    'IncompleteSignature',
    r => withAuthorization(r, text => text.replace('/eu-central-1', '')),
  ],
  [
    'a scope of six parts',
    'IncompleteSignature',
    (r, n) => withAuthorization(r, text => text.replace('/eu-central-1', `/eu/${n}`)),
  ],
  [
    'a signed header dropped from the list',
    'SignatureDoesNotMatch',
    r => withAuthorization(r, text => text.replace('content-type;', '')),
  ],
  ['host not signed', 'SignatureDoesNotMatch', () => sign({ ...call, signedHeaders: ['content-type', 'x-amz-date'] })],
  ['the date not signed', 'SignatureDoesNotMatch', () => sign({ ...call, signedHeaders: ['content-type', 'host'] })],
  [
    'a header in the list that was not sent',
    'SignatureDoesNotMatch',
    (r, n) => withAuthorization(r, text => text.replace('x-amz-date,', `x-amz-date;z${n},`)),
  ],
  [
    'the list of headers in another order',
    'SignatureDoesNotMatch',
    () => sign({ ...call, signedHeaders: ['x-amz-date', 'host', 'content-type'] }),
  ],
  [
    'a header twice in the list',
    'SignatureDoesNotMatch',
    () => sign({ ...call, signedHeaders: ['content-type', 'host', 'host', 'x-amz-date'] }),
  ],
  [
    'another algorithm',
    'IncompleteSignature',
    (r, n) => withAuthorization(r, text => text.replace('SHA256', `SHA${n}`)),
  ],
  ['no algorithm', 'IncompleteSignature', r => withAuthorization(r, text => text.replace('AWS4-HMAC-SHA256 ', ''))],
  ['no Credential', 'IncompleteSignature', r => withAuthorization(r, text => text.replace(/Credential=[^,]*, /, ''))],
  [
    'no SignedHeaders',
    'IncompleteSignature',
    r => withAuthorization(r, text => text.replace(/SignedHeaders=[^,]*, /, '')),
  ],
  ['no Signature', 'IncompleteSignature', r => withAuthorization(r, text => text.replace(/, Signature=.*/, ''))],
  [
    'a parameter twice',
    'IncompleteSignature',
    (r, n) => withAuthorization(r, text => `${text}, Signature=${'0'.repeat(n + 1)}`),
  ],
  ['no header at all', 'IncompleteSignature', r => withHeader(r, 'authorization', undefined)],
  [
    'a request of long ago',
    'SignatureDoesNotMatch',
    (_, n) => sign({ ...call, at: now - 5 * minute - 1000 * (1 + n * n) }),
  ],
  [
    'a request of the future',
    'SignatureDoesNotMatch',
    (_, n) => sign({ ...call, at: now + 5 * minute + 1000 * (1 + n * n) }),
  ],
]

for (const [what, code, forge] of forgeries) {
  test(`twenty requests with ${what} are refused with ${code}`, () => {
    for (let n = 0; n < 20; n++) {
      const forged = forge(sign(call), n)
      assert.throws(
        () => verify(forged),
        (error: unknown) => error instanceof ApiError && error.code === code && [400, 403].includes(error.status),
        `number ${n}`,
      )
    }
  })
}

test("an old request is told in AWS's words how old it is", () => {
  assert.throws(() => verify(sign({ ...call, at: now - 6 * minute })), {
    message: 'Signature expired: 20260115T235200Z is now earlier than 20260115T235300Z (20260115T235800Z - 5 min.)',
  })
  // Six minutes on it would be the next day, which the scope's date follows.
  assert.throws(() => verify(sign({ ...call, at: now + 6 * minute })), {
    message:
      'Signature not yet current: 20260116T000400Z is still later than 20260116T000300Z (20260115T235800Z + 5 min.)',
  })
})

test('the scope that a request claims is read without verifying it', () => {
  const header = sign(call).headers.authorization?.[0] ?? ''
  assert.deepEqual(claimedScope(header), {
    accessKeyId: 'AKIAALICE',
    date: '20260115',
    region: 'eu-central-1',
    service: 'elasticloadbalancing',
  })
  assert.equal(claimedScope('Bearer x'), undefined)
})
