import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListCertificatesRequest } from '@aws-sdk/client-acm'
import { Calls } from '../calls.fixture.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { ListCertificates } from './list-certificates.ts'
import { RequestCertificate } from './request-certificate.ts'

/** One certificate per name and key algorithm, a second after the other. */
function listed(...wanted: readonly (readonly [name: string, algorithm: 'RSA_2048' | 'EC_prime256v1'])[]) {
  const calls = new Calls()
  for (const [DomainName, KeyAlgorithm] of wanted) {
    calls.now += 1_000
    calls.run(RequestCertificate, { DomainName, KeyAlgorithm })
  }
  const list = (input: ListCertificatesRequest = {}) => calls.run(ListCertificates, input)
  const names = (input?: ListCertificatesRequest) =>
    list(input).CertificateSummaryList?.map(({ DomainName }) => DomainName) ?? []
  return { calls, list, names }
}

const elliptic = { keyTypes: ['EC_prime256v1'] } satisfies ListCertificatesRequest['Includes']

test('without a filter certificates with RSA keys are listed, as AWS does; others for whom asks for them', () => {
  const { names } = listed(['rsa.example.com', 'RSA_2048'], ['ec.example.com', 'EC_prime256v1'])
  assert.deepEqual(names(), ['rsa.example.com'])
  assert.deepEqual(names({ Includes: elliptic }), ['ec.example.com'])
  assert.deepEqual(names({ Includes: { keyTypes: ['EC_prime256v1', 'RSA_2048'] } }).length, 2)
})

test('a summary says what a description says', () => {
  const { calls, list } = listed(['example.com', 'RSA_2048'])
  const [{ CertificateArn, ...summary } = {}] = list().CertificateSummaryList ?? []
  const created = new Date(calls.now)
  assert.deepEqual(summary, {
    DomainName: 'example.com',
    SubjectAlternativeNameSummaries: ['example.com'],
    HasAdditionalSubjectAlternativeNames: false,
    Status: 'ISSUED',
    Type: 'AMAZON_ISSUED',
    KeyAlgorithm: 'RSA-2048',
    KeyUsages: ['DIGITAL_SIGNATURE', 'KEY_ENCIPHERMENT'],
    ExtendedKeyUsages: ['TLS_WEB_SERVER_AUTHENTICATION'],
    ExportOption: 'DISABLED',
    InUse: false,
    Exported: false,
    RenewalEligibility: 'ELIGIBLE',
    NotBefore: new Date(Date.UTC(2026, 0, 1)),
    NotAfter: new Date(Date.UTC(2026, 0, 1) + 395 * 86_400_000 - 1_000),
    CreatedAt: created,
    IssuedAt: created,
  })
})

test('certificates are filtered by status, use, purpose and what is not offered here', () => {
  const { calls, names } = listed(['example.com', 'EC_prime256v1'])
  const includes = (more: ListCertificatesRequest['Includes']) => names({ Includes: { ...elliptic, ...more } }).length
  assert.equal(includes({ keyUsage: ['CRL_SIGNING', 'DIGITAL_SIGNATURE'] }), 1)
  assert.equal(includes({ keyUsage: ['KEY_ENCIPHERMENT'] }), 0)
  assert.equal(includes({ extendedKeyUsage: ['TLS_WEB_SERVER_AUTHENTICATION'] }), 1)
  assert.equal(includes({ extendedKeyUsage: ['TLS_WEB_CLIENT_AUTHENTICATION'] }), 0)
  assert.equal(includes({ exportOption: 'DISABLED' }), 1)
  assert.equal(includes({ exportOption: 'ENABLED' }), 0)
  assert.equal(includes({ managedBy: 'CLOUDFRONT' }), 0)
  const withStatus = (...CertificateStatuses: ('ISSUED' | 'EXPIRED')[]) =>
    names({ CertificateStatuses, Includes: elliptic }).length
  assert.deepEqual([withStatus('ISSUED'), withStatus('EXPIRED')], [1, 0])
  calls.now += 400 * 86_400_000
  assert.deepEqual([withStatus('ISSUED'), withStatus('EXPIRED'), withStatus('ISSUED', 'EXPIRED')], [0, 1, 1])
})

test('pages follow each other in either order of creation', () => {
  const wanted = ['c', 'a', 'b'].map(name => [`${name}.example.com`, 'EC_prime256v1'] as const)
  const { list } = listed(...wanted)
  const all = (more: ListCertificatesRequest) => {
    const found: (string | undefined)[] = []
    for (let NextToken: string | undefined; ; ) {
      const page = list({ Includes: elliptic, MaxItems: 1, NextToken, ...more })
      found.push(...(page.CertificateSummaryList ?? []).map(({ DomainName }) => DomainName?.charAt(0)))
      if (page.NextToken === undefined) return found.join('')
      NextToken = page.NextToken
    }
  }
  assert.equal(all({ SortBy: 'CREATED_AT', SortOrder: 'ASCENDING' }), 'cab')
  assert.equal(all({ SortBy: 'CREATED_AT', SortOrder: 'DESCENDING' }), 'bac')
  assert.equal(all({}).length, 3)
  assert.throws(() => all({ SortBy: 'CREATED_AT' }), awsError('InvalidArgsException', 'SortOrder'))
  assert.throws(() => all({ NextToken: '?' }), awsError('ValidationException', 'NextToken'))
})
