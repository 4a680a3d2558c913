import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { applyChanges, emptyState } from '../../domain/state.ts'
import { issueCertificate, localAuthority, rootOf } from './authority.ts'
import { openSsl } from './openssl.fixture.ts'

const day = 86_400_000
const install = { account: '000000000000', region: 'us-east-1', now: Date.UTC(2026, 4, 6, 7, 8, 9) }
const names = ['*.example.com', 'example.com', 'a.very-long-name.of.many.parts.example.org']

for (const [keyAlgorithm, type] of [
  ['RSA_2048', 'rsa'],
  ['EC_prime256v1', 'ec'],
  ['EC_secp384r1', 'ec'],
] as const) {
  test(`a certificate with a key ${keyAlgorithm} passes OpenSSL's strict verification for every name`, t => {
    const openssl = openSsl(t)
    if (openssl === undefined) return
    const { authority } = localAuthority(emptyState, install)
    const { certificate, privateKey } = issueCertificate(authority, names, keyAlgorithm, install.now)
    const [root, leaf] = [openssl.file(authority.certificate), openssl.file(certificate)]
    const strictly = ['verify', '-x509_strict', '-check_ss_sig', '-purpose', 'sslserver', '-CAfile', root]
    const attime = ['-attime', String(install.now / 1000)]
    for (const host of ['www.example.com', 'example.com', 'a.very-long-name.of.many.parts.example.org']) {
      assert.match(openssl.run(...strictly, ...attime, '-verify_hostname', host, leaf), /: OK\n$/)
    }
    assert.throws(
      () => openssl.run(...strictly, ...attime, '-verify_hostname', 'a.b.example.com', leaf),
      /hostname mismatch/i,
    )

    const x509 = new X509Certificate(certificate)
    assert(x509.checkPrivateKey(createPrivateKey(privateKey)))
    assert.equal(x509.publicKey.asymmetricKeyType, type)
    assert.equal(x509.ca, false)
  })
}

test('a certificate is valid from midnight, for 13 months, and serial numbers differ', () => {
  const { authority } = localAuthority(emptyState, install)
  const issued = issueCertificate(authority, names, 'EC_prime256v1', install.now)
  const x509 = new X509Certificate(issued.certificate)
  assert.equal(issued.notBefore, Date.UTC(2026, 4, 6))
  assert.equal(issued.notAfter, Date.UTC(2026, 4, 6) + 395 * day - 1_000)
  assert.deepEqual([x509.validFromDate.getTime(), x509.validToDate.getTime()], [issued.notBefore, issued.notAfter])
  const other = issueCertificate(authority, names, 'EC_prime256v1', install.now)
  assert.notEqual(new X509Certificate(other.certificate).serialNumber, x509.serialNumber)
})

test('the authority lasts ten years, may have none below it, and no other like it', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const { authority } = localAuthority(emptyState, install)
  const printed = openssl.run('x509', '-noout', '-text', '-in', openssl.file(authority.certificate))
  assert.match(printed, /Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/)
  assert.match(printed, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/)
  assert.match(printed, /Subject: CN ?= ?Sluice CA [0-9a-f]{8} of 000000000000 in us-east-1\n/)
  assert.match(printed, /Not After : May {2}2 23:59:59 2036 GMT/)
  const { authority: second } = localAuthority(emptyState, install)
  assert.notEqual(rootOf(second).subject, rootOf(authority).subject)
})

test('the authority is made once, and again only when it has less left than a certificate needs', () => {
  const first = localAuthority(emptyState, install)
  assert.equal(first.changes.length, 1)
  const state = applyChanges(emptyState, 1, first.changes)
  const end = rootOf(first.authority).validToDate.getTime()
  const later = localAuthority(state, { ...install, now: end - 396 * day })
  assert.deepEqual([later.authority, later.changes], [first.authority, []])
  const last = localAuthority(state, { ...install, now: end - 395 * day })
  assert.equal(last.changes.length, 1)
  assert.notEqual(last.authority.certificate, first.authority.certificate)
})
