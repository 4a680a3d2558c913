import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../../domain/random.fixture.ts'
import { Calls } from '../calls.fixture.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { ApiError } from '../errors.ts'
import { DescribeCertificate, GetCertificate } from './certificates.ts'
import { ImportCertificate } from './import-certificate.ts'
import { type Imported, openSsl, rsa } from './openssl.fixture.ts'
import { ListTagsForCertificate } from './tags.ts'

/** Calls a minute after the machine's own time, which is OpenSSL's: what it makes in the course of a test is in effect. */
function callsNow(): Calls {
  const calls = new Calls()
  calls.now = Math.ceil(Date.now() / 1000) * 1000 + 60_000
  return calls
}

const bytes = (text: string) => Buffer.from(text)
const both = (...parts: readonly Imported[]) => Buffer.concat(parts.map(({ Certificate }) => Certificate))
const invalid = (text: string | RegExp) => awsError('ValidationException', text)

test('a self-signed certificate is imported, and described as it says', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const calls = callsNow()
  const made = openssl.make({
    key: rsa,
    subject: '/C=DE/O=Example/CN=www.example.com',
    extensions: [
      'subjectAltName=DNS:WWW.Example.com,DNS:*.example.com,IP:10.0.0.1',
      'keyUsage=digitalSignature,keyEncipherment',
      'extendedKeyUsage=serverAuth,1.2.3.4',
    ],
  })
  const { CertificateArn = '' } = calls.run(ImportCertificate, { ...made, Tags: [{ Key: 'a', Value: 'b' }] })
  assert.match(CertificateArn, /^arn:aws:acm:us-east-1:000000000000:certificate\/[0-9a-f-]{36}$/)
  const {
    Serial = '',
    NotAfter,
    NotBefore,
    ...detail
  } = calls.run(DescribeCertificate, { CertificateArn }).Certificate ?? {}
  assert.match(Serial, /^[0-9a-f]{2}(:[0-9a-f]{2}){1,19}$/)
  assert.equal((NotAfter?.getTime() ?? 0) - (NotBefore?.getTime() ?? 0), 90 * 86_400_000)
  assert.deepEqual(detail, {
    CertificateArn,
    DomainName: 'www.example.com',
    SubjectAlternativeNames: ['www.example.com', '*.example.com'],
    DomainValidationOptions: undefined,
    Subject: 'C=DE,O=Example,CN=www.example.com',
    Issuer: 'Example',
    CreatedAt: new Date(calls.now),
    ImportedAt: new Date(calls.now),
    Status: 'ISSUED',
    KeyAlgorithm: 'RSA-2048',
    SignatureAlgorithm: 'SHA256WITHRSA',
    InUseBy: [],
    Type: 'IMPORTED',
    RenewalSummary: undefined,
    KeyUsages: [{ Name: 'DIGITAL_SIGNATURE' }, { Name: 'KEY_ENCIPHERMENT' }],
    ExtendedKeyUsages: [
      { Name: 'TLS_WEB_SERVER_AUTHENTICATION', OID: '1.3.6.1.5.5.7.3.1' },
      { Name: 'CUSTOM', OID: '1.2.3.4' },
    ],
    RenewalEligibility: 'INELIGIBLE',
    Options: { CertificateTransparencyLoggingPreference: 'DISABLED', Export: 'DISABLED' },
  })
  const got = calls.run(GetCertificate, { CertificateArn })
  assert.deepEqual(got, { Certificate: made.Certificate.toString(), CertificateChain: undefined })
  calls.now += 91 * 86_400_000
  assert.equal(calls.run(DescribeCertificate, { CertificateArn }).Certificate?.Status, 'EXPIRED')
})

test('a certificate without alternative names and extensions has its common name, any use and no purpose', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const calls = callsNow()
  const { CertificateArn } = calls.run(ImportCertificate, openssl.make({ subject: '/CN=Plain.example.com' }))
  const { Certificate } = calls.run(DescribeCertificate, { CertificateArn })
  assert.deepEqual(Certificate?.SubjectAlternativeNames, ['plain.example.com'])
  assert.equal(Certificate?.DomainName, 'Plain.example.com')
  assert.deepEqual(Certificate?.KeyUsages, [{ Name: 'ANY' }])
  assert.deepEqual(Certificate?.ExtendedKeyUsages, [{ Name: 'NONE' }])
  assert.deepEqual([Certificate?.KeyAlgorithm, Certificate?.SignatureAlgorithm], ['EC-prime256v1', 'SHA256WITHECDSA'])
})

test('a certificate without a subject has its names alone, and bits and purposes of all kinds are named', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const calls = callsNow()
  const made = openssl.make({
    subject: '/',
    extensions: ['subjectAltName=critical,DNS:a.example.com,DNS:b.example.com', 'keyUsage=keyAgreement,decipherOnly'],
  })
  const { CertificateArn } = calls.run(ImportCertificate, made)
  const { Certificate } = calls.run(DescribeCertificate, { CertificateArn })
  assert.deepEqual([Certificate?.Subject, Certificate?.Issuer, Certificate?.DomainName], ['', '', 'a.example.com'])
  assert.deepEqual(Certificate?.SubjectAlternativeNames, ['a.example.com', 'b.example.com'])
  assert.deepEqual(Certificate?.KeyUsages, [{ Name: 'KEY_AGREEMENT' }, { Name: 'DECIPHER_ONLY' }])
})

test('a chain is imported in its order, with or without the root, and refused in any other', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const calls = callsNow()
  const root = openssl.make({ subject: '/CN=root' })
  const middle = openssl.make({ subject: '/CN=middle', issuer: root })
  const leaf = openssl.make({ issuer: middle })
  const stranger = openssl.make({ subject: '/CN=stranger' })
  for (const chain of [both(middle), both(middle, root)]) {
    const { CertificateArn } = calls.run(ImportCertificate, { ...leaf, CertificateChain: chain })
    assert.equal(calls.run(GetCertificate, { CertificateArn }).CertificateChain, chain.toString())
  }
  const importing = (CertificateChain?: Buffer) => () => calls.run(ImportCertificate, { ...leaf, CertificateChain })
  const disorder = (index: number) => invalid(`The index within the chain of the invalid certificate is: ${index}`)
  assert.throws(importing(), invalid('Provided certificate is not a valid self signed.'))
  assert.throws(importing(both(stranger)), invalid('Could not validate the certificate with the certificate chain.'))
  assert.throws(importing(both(root)), invalid('Could not validate the certificate with the certificate chain.'))
  assert.throws(importing(both(root, middle)), disorder(0))
  assert.throws(importing(both(leaf, middle)), disorder(0))
  assert.throws(importing(both(middle, stranger)), disorder(1))
  assert.throws(importing(bytes('no PEM')), invalid('The certificate body/chain provided is not in a valid PEM format'))
})

test('what is no certificate, no key, or does not belong together is refused in the words of AWS', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const calls = callsNow()
  const [made, other] = [openssl.make(), openssl.make()]
  const key = (...args: readonly string[]) => Buffer.from(openssl.run('genpkey', ...args))
  const encrypted = key('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-aes256', '-pass', 'pass:secret')
  const broken = bytes('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  for (const [input, text] of [
    [{ Certificate: both(made, other) }, 'The certificate field contains more than one certificate.'],
    [{ Certificate: bytes('file://certificate.pem') }, 'is not in a valid PEM format'],
    [{ Certificate: broken }, 'Unable to parse certificate. Please ensure the certificate is in PEM format.'],
    [{ PrivateKey: made.Certificate }, 'Passed PEM was not a private key.'],
    [{ PrivateKey: bytes('file://key.pem') }, 'The private key is not supported.'],
    [{ PrivateKey: encrypted }, 'The private key is not supported.'],
    [{ PrivateKey: key('-algorithm', 'ED25519') }, 'The private key is not supported.'],
    [
      { PrivateKey: key('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1536') },
      'The private key length 1536 is not supported for key algorithm.',
    ],
    [{ PrivateKey: other.PrivateKey }, 'The private key does not match the certificate.'],
  ] as const) {
    assert.throws(() => calls.run(ImportCertificate, { ...made, ...input }), invalid(text), text)
  }
  calls.now += 91 * 86_400_000
  assert.throws(() => calls.run(ImportCertificate, made), invalid('The certificate has expired, is not valid.'))
  calls.now -= 100 * 86_400_000
  assert.throws(
    () => calls.run(ImportCertificate, made),
    invalid('The certificate is not in effect yet, is not valid.'),
  )
  assert.equal(calls.state.certificates.size, 0)
})

test("whatever is damaged in a certificate, its chain or its key is refused as the caller's fault, or does no harm", t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const seed = anySeed()
  const random = randomFrom(seed)
  const damaged = (pem: Uint8Array) => {
    const [head = '', ...lines] = Buffer.from(pem).toString().trim().split('\n')
    const der = Buffer.from(lines.slice(0, -1).join(''), 'base64')
    for (let count = 1 + random(3); count > 0; count--) der[random(der.length)] = random(256)
    return bytes([head, der.toString('base64'), lines.at(-1)].join('\n'))
  }
  const root = openssl.make({ subject: '/CN=root' })
  const leaf = openssl.make({
    issuer: root,
    extensions: ['subjectAltName=DNS:a.example.com', 'keyUsage=digitalSignature'],
  })
  const whole = { ...leaf, CertificateChain: root.Certificate }
  for (let round = 0; round < 600; round++) {
    const calls = callsNow()
    const part = (['Certificate', 'PrivateKey', 'CertificateChain'] as const)[round % 3] ?? 'Certificate'
    try {
      const { CertificateArn } = calls.run(ImportCertificate, { ...whole, [part]: damaged(whole[part]) })
      calls.run(DescribeCertificate, { CertificateArn })
    } catch (error) {
      if (!(error instanceof ApiError)) throw new Error(`seed ${seed}, round ${round}: ${part}`, { cause: error })
    }
  }
})

test('keys come in all forms that OpenSSL writes', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const calls = callsNow()
  for (const made of [openssl.make(), openssl.make({ key: rsa })]) {
    const traditional = Buffer.from(openssl.run('pkey', '-traditional', '-in', openssl.file(made.PrivateKey)))
    calls.run(ImportCertificate, { ...made, PrivateKey: traditional })
  }
  const curve = openssl.run('ecparam', '-name', 'prime256v1', '-genkey')
  assert.match(curve, /BEGIN EC PARAMETERS/)
  const path = openssl.file('')
  openssl.run('req', '-x509', '-new', '-key', openssl.file(curve), '-subj', '/CN=example.com', '-out', path)
  const Certificate = Buffer.from(openssl.run('x509', '-in', path, '-text'))
  calls.run(ImportCertificate, { Certificate, PrivateKey: bytes(curve) })
  for (const { privateKey } of calls.state.certificates.values())
    assert.match(privateKey, /^-----BEGIN PRIVATE KEY-----\n/)
})

test('a certificate is replaced under its ARN, which keeps its tags and its key algorithm', t => {
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const calls = callsNow()
  const Tags = [{ Key: 'a', Value: 'b' }]
  const { CertificateArn } = calls.run(ImportCertificate, { ...openssl.make(), Tags })
  const created = calls.now
  calls.now += 1_000
  const next = openssl.make({ subject: '/CN=next.example.com' })
  const again = { ...next, CertificateArn }
  assert.throws(
    () => calls.run(ImportCertificate, { ...again, Tags }),
    invalid('Tagging is not permitted on re-import.'),
  )
  assert.deepEqual(calls.run(ImportCertificate, again), { CertificateArn })
  const { Certificate } = calls.run(DescribeCertificate, { CertificateArn })
  assert.deepEqual(
    [Certificate?.DomainName, Certificate?.CreatedAt?.getTime(), Certificate?.ImportedAt?.getTime()],
    ['next.example.com', created, calls.now],
  )
  assert.deepEqual(calls.run(ListTagsForCertificate, { CertificateArn }).Tags, Tags)
  const another = { ...openssl.make({ key: rsa }), CertificateArn }
  assert.throws(() => calls.run(ImportCertificate, another), invalid('The key type and size'))
  assert.throws(
    () => calls.run(ImportCertificate, { ...next, CertificateArn: `${CertificateArn}0` }),
    awsError('ResourceNotFoundException', `Could not find certificate ${CertificateArn}0 in account 000000000000.`),
  )
})
