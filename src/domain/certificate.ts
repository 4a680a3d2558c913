import type { Tag } from './tag.ts'

/** A certificate as ACM keeps it. Its private key leaves the process for the node alone, never for the API. */
export interface Certificate {
  /** `arn:aws:acm:REGION:ACCOUNT:certificate/UUID` */
  readonly arn: string
  readonly type: 'IMPORTED' | 'AMAZON_ISSUED'
  /** PEM: the certificate, and those that lead from it to a root, as they were imported; empty for what our own root issued. */
  readonly certificate: string
  readonly chain: string
  readonly privateKey: string
  /** The subject's common name, or the first of the names. */
  readonly domainName: string
  /** Lower-case DNS names it is valid for, wildcards `*.example.com` included; the common name where it lists none. */
  readonly names: readonly string[]
  /** AWS's spelling: `RSA_2048`, `EC_prime256v1`. */
  readonly keyAlgorithm: string
  /** Milliseconds since the epoch, as the next three. */
  readonly notBefore: number
  readonly notAfter: number
  readonly createdAt: number
  readonly importedAt?: number
  readonly renewedAt?: number
  /** What RequestCertificate was given, so that asking again with the same token gives the same certificate. */
  readonly idempotencyToken?: string
  /** How its names were asked to be validated, which is shown; nothing is validated here. */
  readonly validationMethod?: 'DNS' | 'EMAIL'
  /** By name: the parent that was asked to be validated instead. */
  readonly validationDomains?: Readonly<Record<string, string>>
  /** Shown too: there is no transparency log. */
  readonly transparencyLogging?: 'ENABLED' | 'DISABLED'
  readonly tags: readonly Tag[]
}

/** The local certificate authority that RequestCertificate issues from; made when it is needed first. */
export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: string
  readonly privateKey: string
}

/** What a certificate of ours has left at least, unless Sluice does not run (AWS: managed renewal, 60 days before expiration). */
const renewalLeadMs = 60 * 86_400_000

/** Of our own certificates that are to be issued anew at `now` (milliseconds) the one that ends first. */
export function dueForRenewal(certificates: Iterable<Certificate>, now: number): Certificate | undefined {
  let due: Certificate | undefined
  for (const certificate of certificates) {
    if (certificate.type !== 'AMAZON_ISSUED' || certificate.notAfter - now >= renewalLeadMs) continue
    if (due === undefined || certificate.notAfter < due.notAfter) due = certificate
  }
  return due
}
