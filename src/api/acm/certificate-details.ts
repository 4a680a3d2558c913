import { X509Certificate } from 'node:crypto'
import type { ExtendedKeyUsage as SdkExtendedKeyUsage } from '@aws-sdk/client-acm'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  Certificate as Asn1Certificate,
  ExtendedKeyUsage,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  KeyUsage,
  type Name,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509'
import type { Certificate } from '../../domain/certificate.ts'

/** What a certificate says, in ACM's words. */
export interface CertificateDetails {
  /** Lower case, `07:71:71:f4`. */
  readonly serial: string
  /** `C=US,O=Example,CN=www.example.com` */
  readonly subject: string
  /** The issuer's organization, `Amazon` for one, or its common name. */
  readonly issuer: string
  /** `SHA256WITHRSA` */
  readonly signatureAlgorithm: string
  /** `ANY` alone where the certificate does not restrict them. */
  readonly keyUsages: readonly string[]
  /** `NONE` alone where there are none. */
  readonly extendedKeyUsages: readonly {
    readonly Name: NonNullable<SdkExtendedKeyUsage['Name']>
    readonly OID?: string
  }[]
  readonly commonName: string | undefined
  /** DNS names of the subject's alternative names, as they are written. */
  readonly dnsNames: readonly string[]
}

const known = new WeakMap<Certificate, CertificateDetails>()

/** Read once: a certificate takes 0.4 ms, and ListCertificates asks for all. */
export function detailsOf(certificate: Certificate): CertificateDetails {
  let details = known.get(certificate)
  if (details === undefined) {
    details = readDetails(new X509Certificate(certificate.certificate))
    known.set(certificate, details)
  }
  return details
}

/** Throws what the ASN.1 reader throws for a certificate that is none. */
export function readDetails(x509: X509Certificate): CertificateDetails {
  const { tbsCertificate } = AsnConvert.parse(x509.raw, Asn1Certificate)
  const value = (id: string) => tbsCertificate.extensions?.find(({ extnID }) => extnID === id)?.extnValue.buffer
  const [keyUsage, extendedKeyUsage, alternativeNames] = [id_ce_keyUsage, id_ce_extKeyUsage, id_ce_subjectAltName].map(
    value,
  )
  return {
    serial: (x509.serialNumber.toLowerCase().match(/../g) ?? []).join(':'),
    // Node's types are wrong: of a certificate without a subject it is undefined.
    subject: (x509.subject as string | undefined)?.replaceAll('\n', ',') ?? '',
    issuer: partOf(tbsCertificate.issuer, organization) ?? partOf(tbsCertificate.issuer, commonName) ?? '',
    signatureAlgorithm: signatureAlgorithm(x509.signatureAlgorithm ?? ''),
    keyUsages: keyUsage === undefined ? ['ANY'] : keyUsagesIn(AsnConvert.parse(keyUsage, KeyUsage).toNumber()),
    extendedKeyUsages:
      extendedKeyUsage === undefined
        ? [{ Name: 'NONE' }]
        : [...AsnConvert.parse(extendedKeyUsage, ExtendedKeyUsage)].map(OID => ({
            Name: purposes[OID] ?? 'CUSTOM',
            OID,
          })),
    commonName: partOf(tbsCertificate.subject, commonName),
    dnsNames:
      alternativeNames === undefined
        ? []
        : [...AsnConvert.parse(alternativeNames, SubjectAlternativeName)].flatMap(({ dNSName }) => dNSName ?? []),
  }
}

const organization = '2.5.4.10'
const commonName = '2.5.4.3'

/** The last value of this kind, which is the most specific one. */
function partOf(name: Name, type: string): string | undefined {
  return name
    .flat()
    .findLast(part => part.type === type)
    ?.value.toString()
}

/** OpenSSL says `sha256WithRSAEncryption` and `ecdsa-with-SHA256`. */
function signatureAlgorithm(openssl: string): string {
  const [, hash] = /sha(\d+)/i.exec(openssl) ?? []
  return hash === undefined ? openssl.toUpperCase() : `SHA${hash}WITH${/^ecdsa/i.test(openssl) ? 'ECDSA' : 'RSA'}`
}

/** By bit (RFC 5280, section 4.2.1.3). */
const usages = [
  'DIGITAL_SIGNATURE',
  'NON_REPUDIATION',
  'KEY_ENCIPHERMENT',
  'DATA_ENCIPHERMENT',
  'KEY_AGREEMENT',
  'CERTIFICATE_SIGNING',
  'CRL_SIGNING',
  'ENCIPHER_ONLY',
  'DECIPHER_ONLY',
]

function keyUsagesIn(bits: number): readonly string[] {
  return usages.filter((_, bit) => (bits >> bit) & 1)
}

/** RFC 5280, section 4.2.1.12. */
const purposes: Readonly<Record<string, NonNullable<SdkExtendedKeyUsage['Name']>>> = {
  '2.5.29.37.0': 'ANY',
  '1.3.6.1.5.5.7.3.1': 'TLS_WEB_SERVER_AUTHENTICATION',
  '1.3.6.1.5.5.7.3.2': 'TLS_WEB_CLIENT_AUTHENTICATION',
  '1.3.6.1.5.5.7.3.3': 'CODE_SIGNING',
  '1.3.6.1.5.5.7.3.4': 'EMAIL_PROTECTION',
  '1.3.6.1.5.5.7.3.5': 'IPSEC_END_SYSTEM',
  '1.3.6.1.5.5.7.3.6': 'IPSEC_TUNNEL',
  '1.3.6.1.5.5.7.3.7': 'IPSEC_USER',
  '1.3.6.1.5.5.7.3.8': 'TIME_STAMPING',
  '1.3.6.1.5.5.7.3.9': 'OCSP_SIGNING',
}
