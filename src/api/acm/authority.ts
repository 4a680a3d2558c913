import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import type { CertificateAuthority } from '../../domain/certificate.ts'
import type { Change, State } from '../../domain/state.ts'

/** What RequestCertificate can ask for (AWS: ACM certificate characteristics, key algorithm). */
export type IssuedKeyAlgorithm = 'RSA_2048' | 'EC_prime256v1' | 'EC_secp384r1'

export interface IssuedCertificate {
  /** PEM, as the key. */
  readonly certificate: string
  readonly privateKey: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

const dayMs = 86_400_000

/** 13 months (AWS: ACM certificate characteristics, validity period). */
const issuedDays = 395

const authorityDays = 3_650

/**
 * The authority of this data directory, and what to commit so that it stays. It is made at first need, and again when it has less
 * left than a certificate issued now would have.
 */
export function localAuthority(
  state: State,
  install: { readonly account: string; readonly region: string; readonly now: number },
): { readonly authority: CertificateAuthority; readonly changes: readonly Change[] } {
  const { account, region, now } = install
  const known = state.certificateAuthorities.get('local')
  if (known !== undefined && rootOf(known).validToDate.getTime() - now > issuedDays * dayMs) {
    return { authority: known, changes: [] }
  }
  const name = `Sluice CA ${randomBytes(4).toString('hex')} of ${account} in ${region}`
  // A common name has at most 64 characters (RFC 5280, appendix A.1, ub-common-name).
  const authority = makeAuthority(name.slice(0, 64), now)
  return { authority, changes: [{ table: 'certificateAuthorities', key: 'local', value: authority }] }
}

/** The root's certificate, of which a certificate can say whether it comes from there. */
export function rootOf(authority: CertificateAuthority): X509Certificate {
  return new X509Certificate(authority.certificate)
}

/**
 * A certificate and a new key for `names`, valid from the beginning of today (UTC), so that clocks which are late take it too. Made in 1 ms,
 * with RSA in 30 to 300 ms.
 *
 * @param names lower-case DNS names, wildcards included; the first becomes the common name
 */
export function issueCertificate(
  authority: CertificateAuthority,
  names: readonly string[],
  keyAlgorithm: IssuedKeyAlgorithm,
  now: number,
): IssuedCertificate {
  const root = AsnConvert.parse(rootOf(authority).raw, Certificate).tbsCertificate
  const isRsa = keyAlgorithm === 'RSA_2048'
  const { publicKey, privateKey } = isRsa
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: keyAlgorithm.slice('EC_'.length) })
  const usage = KeyUsageFlags.digitalSignature | (isRsa ? KeyUsageFlags.keyEncipherment : 0)
  return signed({
    subject: commonName(names[0] ?? ''),
    issuer: root.subject,
    publicKey,
    privateKey,
    signer: createPrivateKey(authority.privateKey),
    now,
    days: issuedDays,
    extensions: [
      extension(id_ce_basicConstraints, new BasicConstraints(), true),
      extension(id_ce_keyUsage, new KeyUsage(usage), true),
      extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth])),
      extension(id_ce_subjectAltName, new SubjectAlternativeName(names.map(dNSName => new GeneralName({ dNSName })))),
    ],
  })
}

/** A root of its own, from which no other authority can come. */
function makeAuthority(name: string, now: number): CertificateAuthority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const subject = commonName(name)
  const { certificate, privateKey: key } = signed({
    subject,
    issuer: subject,
    publicKey,
    privateKey,
    signer: privateKey,
    now,
    days: authorityDays,
    extensions: [
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
      extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), true),
    ],
  })
  return { certificate, privateKey: key }
}

interface Unsigned {
  readonly subject: Name
  readonly issuer: Name
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  /** Of the authority: EC P-256. */
  readonly signer: KeyObject
  readonly now: number
  readonly days: number
  /** Beside those that name the keys. */
  readonly extensions: readonly Extension[]
}

/** An X.509 certificate (RFC 5280, section 4.1), signed with ECDSA and SHA-256. */
function signed({
  subject,
  issuer,
  publicKey,
  privateKey,
  signer,
  now,
  days,
  extensions,
}: Unsigned): IssuedCertificate {
  const notBefore = now - (now % dayMs)
  const notAfter = notBefore + days * dayMs - 1_000
  const ecdsaWithSha256 = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' })
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: ecdsaWithSha256,
    issuer,
    validity: new Validity({ notBefore: new Date(notBefore), notAfter: new Date(notAfter) }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(spki(publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions([
      ...extensions,
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(publicKey))),
      extension(
        id_ce_authorityKeyIdentifier,
        new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyIdentifier(createPublicKey(signer))) }),
      ),
    ]),
  })
  const signatureValue = bytes(sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), signer))
  const der = AsnConvert.serialize(
    new Certificate({ tbsCertificate, signatureAlgorithm: ecdsaWithSha256, signatureValue }),
  )
  return {
    certificate: new X509Certificate(Buffer.from(der)).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    notBefore,
    notAfter,
  }
}

function commonName(name: string): Name {
  const value = new AttributeValue({ utf8String: name })
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: '2.5.4.3', value })])])
}

function extension(extnID: string, value: object, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

/** 127 random bits; positive, and its length is always the same (RFC 5280, section 4.1.2.2). */
function serialNumber(): ArrayBuffer {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return bytes(serial)
}

/** 160 bits of a hash of the key (RFC 7093, section 2, method 1). */
function keyIdentifier(publicKey: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = AsnConvert.parse(spki(publicKey), SubjectPublicKeyInfo)
  return bytes(createHash('sha256').update(Buffer.from(subjectPublicKey)).digest().subarray(0, 20))
}

function spki(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

function bytes(buffer: Uint8Array): ArrayBuffer {
  return new Uint8Array(buffer).buffer
}
