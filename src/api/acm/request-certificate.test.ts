import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import type { RequestCertificateRequest } from '@aws-sdk/client-acm'
import { Calls } from '../calls.fixture.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { DeleteCertificate, DescribeCertificate, GetCertificate } from './certificates.ts'
import { openSsl } from './openssl.fixture.ts'
import { RenewCertificate, RequestCertificate, UpdateCertificateOptions } from './request-certificate.ts'

const day = 86_400_000
const invalid = (text: string) => awsError('ValidationException', text)

function requested(input: Partial<RequestCertificateRequest> = {}, calls = new Calls()) {
  const { CertificateArn = '' } = calls.run(RequestCertificate, {
    DomainName: 'example.com',
    KeyAlgorithm: 'EC_prime256v1',
    ...input,
  })
  const describe = () => calls.run(DescribeCertificate, { CertificateArn }).Certificate ?? assert.fail()
  return { calls, CertificateArn, describe }
}

test('a certificate is issued at once, with the names in order, each once and in lower case', () => {
  const { calls, CertificateArn, describe } = requested({
    DomainName: 'Example.com',
    SubjectAlternativeNames: ['*.example.com', 'EXAMPLE.com', 'api.example.org'],
    ValidationMethod: 'DNS',
    KeyAlgorithm: undefined,
  })
  const { Serial, Issuer = '', DomainValidationOptions, ...detail } = describe()
  assert.match(Issuer, /^Sluice CA [0-9a-f]{8} of 000000000000 in us-east-1$/)
  assert.deepEqual(detail, {
    CertificateArn,
    DomainName: 'example.com',
    SubjectAlternativeNames: ['example.com', '*.example.com', 'api.example.org'],
    Subject: 'CN=example.com',
    CreatedAt: new Date(calls.now),
    IssuedAt: new Date(calls.now),
    Status: 'ISSUED',
    NotBefore: new Date(calls.now),
    NotAfter: new Date(calls.now + 395 * day - 1_000),
    KeyAlgorithm: 'RSA-2048',
    SignatureAlgorithm: 'SHA256WITHECDSA',
    InUseBy: [],
    Type: 'AMAZON_ISSUED',
    RenewalSummary: undefined,
    KeyUsages: [{ Name: 'DIGITAL_SIGNATURE' }, { Name: 'KEY_ENCIPHERMENT' }],
    ExtendedKeyUsages: [{ Name: 'TLS_WEB_SERVER_AUTHENTICATION', OID: '1.3.6.1.5.5.7.3.1' }],
    RenewalEligibility: 'ELIGIBLE',
    Options: { CertificateTransparencyLoggingPreference: 'ENABLED', Export: 'DISABLED' },
  })
})

test('its names are shown as validated by DNS, a wildcard with the record of its parent', () => {
  const { describe } = requested({ SubjectAlternativeNames: ['*.example.com', 'example.org'], ValidationMethod: 'DNS' })
  const [parent, wildcard, other] = describe().DomainValidationOptions ?? []
  assert.deepEqual(
    { ...parent, ResourceRecord: undefined },
    {
      DomainName: 'example.com',
      ValidationDomain: 'example.com',
      ValidationStatus: 'SUCCESS',
      ValidationMethod: 'DNS',
      ResourceRecord: undefined,
    },
  )
  const { Name = '', Type, Value = '' } = parent?.ResourceRecord ?? {}
  assert.match(Name, /^_[0-9a-f]{32}\.example\.com\.$/)
  assert.match(Value, /^_[0-9a-f]{32}\.[0-9a-f]{10}\.acm-validations\.aws\.$/)
  assert.equal(Type, 'CNAME')
  assert.equal(wildcard?.DomainName, '*.example.com')
  assert.deepEqual(wildcard?.ResourceRecord, parent?.ResourceRecord)
  assert.notEqual(other?.ResourceRecord?.Value, Value)
})

test('or by mail to the domain that was asked for', () => {
  const { calls, describe } = requested({
    DomainName: 'a.b.example.com',
    DomainValidationOptions: [{ DomainName: 'a.b.example.com', ValidationDomain: 'example.com' }],
  })
  const [option] = describe().DomainValidationOptions ?? []
  assert.equal(option?.ValidationDomain, 'example.com')
  assert.equal(option?.ValidationMethod, 'EMAIL')
  assert.equal(option?.ValidationEmails?.includes('hostmaster@example.com'), true)
  for (const [DomainName, ValidationDomain] of [
    ['a.b.example.com', 'other.com'],
    ['a.b.example.com', 'ample.com'],
    ['c.example.com', 'example.com'],
  ] as const) {
    const DomainValidationOptions = [{ DomainName, ValidationDomain }]
    assert.throws(
      () => requested({ DomainName: 'a.b.example.com', DomainValidationOptions }, calls),
      awsError('InvalidDomainValidationOptionsException', ValidationDomain),
    )
  }
})

test('all certificates come from one root, which GetCertificate answers as the chain and OpenSSL trusts', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const { calls, CertificateArn } = requested()
  const { Certificate = '', CertificateChain = '' } = calls.run(GetCertificate, { CertificateArn })
  const other = requested({ DomainName: 'other.example.com', KeyAlgorithm: 'EC_secp384r1' }, calls)
  assert.equal(calls.run(GetCertificate, other).CertificateChain, CertificateChain)
  const verify = ['verify', '-attime', String(calls.now / 1000), '-CAfile', openssl.file(CertificateChain)]
  assert.match(openssl.run(...verify, openssl.file(Certificate)), /OK/)
  assert.equal(other.describe().KeyAlgorithm, 'EC-secp384r1')
})

test('the same token asks for the same certificate within an hour; other names or later for another one', () => {
  const IdempotencyToken = 'token'
  const { calls, CertificateArn } = requested({ IdempotencyToken })
  const again = (input: Partial<RequestCertificateRequest> = {}) =>
    requested({ IdempotencyToken, ...input }, calls).CertificateArn
  assert.equal(again(), CertificateArn)
  assert.notEqual(again({ DomainName: 'www.example.com' }), CertificateArn)
  assert.notEqual(again({ IdempotencyToken: 'other' }), CertificateArn)
  assert.notEqual(again({ IdempotencyToken: undefined }), CertificateArn)
  calls.now += 3_600_000
  assert.notEqual(again(), CertificateArn)
})

test('what is not offered is refused, and makes no authority', () => {
  const calls = new Calls()
  for (const [input, text] of [
    [{ KeyAlgorithm: 'RSA_4096' }, 'The key algorithm RSA_4096 is not supported'],
    [{ ValidationMethod: 'HTTP' }, 'HTTP validation'],
    [{ ManagedBy: 'CLOUDFRONT' }, 'CloudFront'],
    [{ Options: { Export: 'ENABLED' } }, 'not offered here yet'],
    [
      { CertificateAuthorityArn: 'arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/a' },
      'private certificate',
    ],
    [{ DomainName: `${'a'.repeat(53)}.example.com` }, 'cannot exceed 64 octets'],
  ] as const) {
    assert.throws(() => requested(input, calls), invalid(text), text)
  }
  assert.equal(calls.state.certificateAuthorities.size, 0)
  const long = `${'a'.repeat(53)}.example.com`
  assert.equal(requested({ SubjectAlternativeNames: [long] }, calls).describe().SubjectAlternativeNames?.[1], long)
})

test('a renewed certificate has a new key and a later end, under the same ARN', () => {
  const { calls, CertificateArn, describe } = requested({ SubjectAlternativeNames: ['www.example.com'] })
  const before = describe()
  const key = new X509Certificate(calls.run(GetCertificate, { CertificateArn }).Certificate ?? '').publicKey
  calls.now += 100 * day
  calls.run(RenewCertificate, { CertificateArn })
  const after = describe()
  assert.equal(after.NotAfter?.getTime(), calls.now + 395 * day - 1_000)
  assert.deepEqual(after.SubjectAlternativeNames, before.SubjectAlternativeNames)
  assert.equal(after.Issuer, before.Issuer)
  assert.deepEqual(
    [after.RenewalSummary?.RenewalStatus, after.RenewalSummary?.UpdatedAt],
    ['SUCCESS', new Date(calls.now)],
  )
  const next = new X509Certificate(calls.run(GetCertificate, { CertificateArn }).Certificate ?? '')
  assert.equal(next.publicKey.equals(key), false)
})

test('options can be changed, and are shown', () => {
  const { calls, CertificateArn, describe } = requested({
    Options: { CertificateTransparencyLoggingPreference: 'DISABLED' },
  })
  const preference = () => describe().Options?.CertificateTransparencyLoggingPreference
  assert.equal(preference(), 'DISABLED')
  const Options = { CertificateTransparencyLoggingPreference: 'ENABLED' } as const
  calls.run(UpdateCertificateOptions, { CertificateArn, Options })
  assert.equal(preference(), 'ENABLED')
})

test('a certificate is deleted unless a listener uses it', () => {
  const { calls, CertificateArn, describe } = requested()
  const listener = {
    arn: 'listener',
    loadBalancerArn: 'arn:lb',
    port: 443,
    protocol: 'TLS',
    forward: [],
    attributes: {},
    tags: [],
    tls: { defaultCertificate: CertificateArn, certificates: [], sslPolicy: 'ELBSecurityPolicy-2016-08' },
  } as const
  calls.run((_, call) => call.draft.put('listeners', listener.arn, listener), {})
  assert.deepEqual(describe().InUseBy, ['arn:lb'])
  assert.throws(
    () => calls.run(DeleteCertificate, { CertificateArn }),
    awsError('ResourceInUseException', `Certificate ${CertificateArn} in account 000000000000 is in use.`),
  )
  calls.run((_, call) => call.draft.delete('listeners', listener.arn), {})
  calls.run(DeleteCertificate, { CertificateArn })
  assert.throws(
    () => calls.run(DeleteCertificate, { CertificateArn }),
    awsError('ResourceNotFoundException', `Could not find certificate ${CertificateArn} in account 000000000000.`),
  )
})
