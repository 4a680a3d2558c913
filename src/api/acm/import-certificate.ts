import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { ImportCertificateRequest, ImportCertificateResponse } from '@aws-sdk/client-acm'
import type { Certificate } from '../../domain/certificate.ts'
import type { Call } from '../call.ts'
import { readDetails } from './certificate-details.ts'
import { findCertificate, invalid, newArn } from './resources.ts'
import { tagsIn } from './tags.ts'

/** With an ARN it replaces what was imported under it, for the listeners that use it too (AWS: Reimport a certificate). */
export function ImportCertificate(input: ImportCertificateRequest, call: Call): ImportCertificateResponse {
  const known = input.CertificateArn === undefined ? undefined : findCertificate(call, input.CertificateArn)
  const material = materialIn(input, call.now)
  if (known !== undefined) checkReplaced(known, material, input)
  const certificate: Certificate = {
    arn: known?.arn ?? newArn(call),
    type: 'IMPORTED',
    ...material,
    createdAt: known?.createdAt ?? call.now,
    importedAt: call.now,
    tags: known?.tags ?? tagsIn(input.Tags),
  }
  call.draft.put('certificates', certificate.arn, certificate)
  return { CertificateArn: certificate.arn }
}

type Material = Pick<
  Certificate,
  'certificate' | 'chain' | 'privateKey' | 'domainName' | 'names' | 'keyAlgorithm' | 'notBefore' | 'notAfter'
>

function checkReplaced(known: Certificate, material: Material, { Tags }: ImportCertificateRequest): void {
  if (known.type !== 'IMPORTED')
    throw invalid(`Certificate ${known.arn} was not imported, so it can not be reimported.`)
  if (Tags !== undefined) throw invalid('Tagging is not permitted on re-import.')
  if (known.keyAlgorithm !== material.keyAlgorithm) {
    throw invalid('The key type and size of a certificate cannot be changed by reimporting it.')
  }
}

/** Throws ValidationException for what does not fit together or is not valid at `now` (AWS: Prerequisites for importing ACM certificates). */
function materialIn(input: ImportCertificateRequest, now: number): Material {
  const [leaf, ...more] = certificatesIn(input.Certificate)
  if (leaf === undefined) throw invalid('The certificate body/chain provided is not in a valid PEM format')
  if (more.length > 0) {
    throw invalid(
      'The certificate field contains more than one certificate. You can specify only one certificate in this field.',
    )
  }
  const { commonName, dnsNames } = readable(leaf)
  const key = privateKeyIn(input.PrivateKey)
  const keyAlgorithm = keyAlgorithmOf(key)
  if (!leaf.checkPrivateKey(key)) throw invalid('The private key does not match the certificate.')
  const [notBefore, notAfter] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()]
  if (notBefore > now) throw invalid('The certificate is not in effect yet, is not valid.')
  if (notAfter <= now) throw invalid('The certificate has expired, is not valid.')
  const names = (dnsNames.length > 0 ? dnsNames : [commonName ?? '']).map(name => name.toLowerCase())
  return {
    certificate: leaf.toString(),
    chain: chainOf(leaf, input.CertificateChain),
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    domainName: commonName ?? names[0] ?? '',
    names: names.filter(name => name !== ''),
    keyAlgorithm,
    notBefore,
    notAfter,
  }
}

function certificatesIn(pem: Uint8Array | undefined): readonly X509Certificate[] {
  const blocks = text(pem).match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return blocks.map(block => {
    try {
      const certificate = new X509Certificate(block)
      // A key is read only when it is asked for.
      void certificate.publicKey
      return certificate
    } catch {
      throw unparsable()
    }
  })
}

/** OpenSSL took it; so must the reader of what it says. */
function readable(leaf: X509Certificate): ReturnType<typeof readDetails> {
  try {
    return readDetails(leaf)
  } catch {
    throw unparsable()
  }
}

function unparsable() {
  return invalid('Unable to parse certificate. Please ensure the certificate is in PEM format.')
}

function privateKeyIn(pem: Uint8Array | undefined): KeyObject {
  const key = text(pem)
  if (/-----BEGIN /.test(key) && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    throw invalid('Passed PEM was not a private key.')
  }
  try {
    return createPrivateKey(key)
  } catch {
    // Not PEM, encrypted, or of a kind that OpenSSL does not know.
    throw invalid('The private key is not supported.')
  }
}

/** As AWS spells it (AWS: Prerequisites for importing ACM certificates, key algorithms). */
function keyAlgorithmOf(key: KeyObject): string {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') {
    if ([1024, 2048, 3072, 4096].includes(modulusLength)) return `RSA_${modulusLength}`
    throw invalid(`The private key length ${modulusLength} is not supported for key algorithm.`)
  }
  if (['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve)) return `EC_${namedCurve}`
  throw invalid('The private key is not supported.')
}

/** The chain as PEM, each certificate of which must have issued the one before it; only a self-signed certificate needs none. */
function chainOf(leaf: X509Certificate, pem: Uint8Array | undefined): string {
  if (pem === undefined) {
    if (isIssued(leaf, leaf)) return ''
    throw invalid(
      'Provided certificate is not a valid self signed. Please provide either a valid self-signed certificate or certificate chain.',
    )
  }
  const chain = certificatesIn(pem)
  const [first] = chain
  if (first === undefined) throw invalid('The certificate body/chain provided is not in a valid PEM format')
  const isOfAnother = !chain.some(issuer => isIssued(leaf, issuer) || issuer.fingerprint256 === leaf.fingerprint256)
  if (isOfAnother) throw invalid('Could not validate the certificate with the certificate chain.')
  for (const [index, issuer] of chain.entries()) {
    if (isIssued(chain[index - 1] ?? leaf, issuer)) continue
    throw invalid(
      'Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, ' +
        `followed by any intermediaries in order. The index within the chain of the invalid certificate is: ${index}`,
    )
  }
  return chain.map(String).join('')
}

/** Not by `checkIssued`, which wants the right to sign certificates of self-signed ones too. */
function isIssued(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.issuer === issuer.subject && certificate.verify(issuer.publicKey)
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('latin1')
}
