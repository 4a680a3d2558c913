import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Candidate, type ClientOffer, certificateChoice, chooseCertificate } from './choose-certificate.ts'
import { securityPolicy } from './security-policy.ts'

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000
const policy = securityPolicy('ELBSecurityPolicy-TLS13-1-2-2021-06')!

interface Named extends Candidate {
  readonly id: string
}

function certificate(id: string, names: readonly string[], changes: Partial<Candidate> = {}): Named {
  return { id, names, keyAlgorithm: 'RSA_2048', hashBits: 256, notBefore: now - day, notAfter: now + day, ...changes }
}

/** As today's browsers offer. */
const modern: ClientOffer = { tls13: true, ciphers: [0x1301, 0xc02b, 0xc02f], signatures: [0x0403, 0x0804, 0x0401] }
const ec = { keyAlgorithm: 'EC_prime256v1' }

function chosen(certificates: readonly [Named, ...Named[]], offer: ClientOffer, ofPolicy = policy): string {
  return chooseCertificate(certificateChoice(certificates, ofPolicy), offer, now).id
}

test('without SNI, or with a name that no certificate is for, the default one is shown', () => {
  const all = [certificate('default', ['d.test']), certificate('a', ['a.test', '*.w.test'])] as const
  assert.equal(chosen(all, modern), 'default')
  for (const serverName of ['x.test', 'w.test', 'a.b.w.test', '', 'test', '*.w.test.'])
    assert.equal(chosen(all, { ...modern, serverName }), 'default', serverName)
})

test('an exact name goes before a wildcard, and a wildcard is for one label', () => {
  const all = [
    certificate('default', ['d.test']),
    certificate('wild', ['*.w.test'], ec),
    certificate('exact', ['a.w.test']),
  ] as const
  assert.equal(chosen(all, { ...modern, serverName: 'a.w.test' }), 'exact')
  assert.equal(chosen(all, { ...modern, serverName: 'b.w.test' }), 'wild')
})

test('ECDSA goes before RSA, more hash bits, a longer key and a longer validity before less', () => {
  const worst = certificate('worst', ['a.test'])
  const longer = certificate('longer', ['a.test'], { notAfter: now + 2 * day })
  const key = certificate('key', ['a.test'], { keyAlgorithm: 'RSA_4096' })
  const hash = certificate('hash', ['a.test'], { hashBits: 384 })
  const ecdsa = certificate('ecdsa', ['a.test'], ec)
  const all = [worst, longer, key, hash, ecdsa]
  for (let best = all.length - 1; best > 0; best--) {
    const some = all.slice(0, best + 1).reverse() as [Named, ...Named[]]
    assert.equal(chosen(some, { ...modern, serverName: 'a.test' }), all[best]?.id)
  }
})

test('what the client can’t check, and what is not valid now, comes last', () => {
  const rsa = certificate('rsa', ['a.test'])
  const ecdsa = certificate('ecdsa', ['a.test'], ec)
  const p384 = certificate('p384', ['a.test'], { keyAlgorithm: 'EC_secp384r1' })
  const expired = certificate('expired', ['a.test'], { ...ec, notAfter: now - 1 })
  const rsaOnly13: ClientOffer = { tls13: true, ciphers: [0x1301], signatures: [0x0804], serverName: 'a.test' }
  const rsaOnly12: ClientOffer = { tls13: false, ciphers: [0xc02f], signatures: [0x0403, 0x0401], serverName: 'a.test' }
  const ancient: ClientOffer = { tls13: false, ciphers: [0xc009, 0xc013], serverName: 'a.test' }
  const offer = { ...modern, serverName: 'a.test' }
  assert.equal(chosen([ecdsa, rsa], offer), 'ecdsa')
  assert.equal(chosen([ecdsa, rsa], rsaOnly13), 'rsa')
  assert.equal(chosen([ecdsa, rsa], rsaOnly12), 'rsa')
  assert.equal(chosen([p384, rsa], offer), 'rsa', 'TLS 1.3 binds the curve')
  assert.equal(chosen([expired, rsa], offer), 'rsa')
  assert.equal(chosen([expired], offer), 'expired', 'better than another name’s')
  assert.equal(chosen([ecdsa, rsa], ancient, securityPolicy('ELBSecurityPolicy-2016-08')), 'ecdsa')
  assert.equal(chosen([ecdsa, rsa], ancient), 'ecdsa', 'the handshake fails in any case')
  assert.equal(chosen([certificate('wild', ['*.test']), certificate('only', ['a.test'], ec)], rsaOnly13), 'wild')
})
