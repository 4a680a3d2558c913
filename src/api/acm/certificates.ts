import { X509Certificate } from 'node:crypto'
import type {
  CertificateDetail,
  DeleteCertificateRequest,
  DescribeCertificateRequest,
  DescribeCertificateResponse,
  GetCertificateRequest,
  GetCertificateResponse,
} from '@aws-sdk/client-acm'
import type { Certificate } from '../../domain/certificate.ts'
import { certificateUsers } from '../../domain/certificate-users.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { rootOf } from './authority.ts'
import { detailsOf } from './certificate-details.ts'
import { domainValidations } from './domain-validation.ts'
import { findCertificate, renewalEligibility, shownKeyAlgorithm, statusOf } from './resources.ts'

export function DescribeCertificate(input: DescribeCertificateRequest, call: Call): DescribeCertificateResponse {
  const certificate = findCertificate(call, input.CertificateArn)
  const { serial, subject, issuer, signatureAlgorithm, keyUsages, extendedKeyUsages } = detailsOf(certificate)
  return {
    Certificate: {
      CertificateArn: certificate.arn,
      DomainName: certificate.domainName || undefined,
      SubjectAlternativeNames: [...certificate.names],
      DomainValidationOptions: domainValidations(certificate),
      Serial: serial,
      Subject: subject,
      Issuer: issuer,
      CreatedAt: new Date(certificate.createdAt),
      ...(certificate.importedAt === undefined
        ? { IssuedAt: new Date(certificate.createdAt) }
        : { ImportedAt: new Date(certificate.importedAt) }),
      Status: statusOf(certificate, call.now),
      NotBefore: new Date(certificate.notBefore),
      NotAfter: new Date(certificate.notAfter),
      KeyAlgorithm: shownKeyAlgorithm(certificate) as CertificateDetail['KeyAlgorithm'],
      SignatureAlgorithm: signatureAlgorithm,
      InUseBy: [...certificateUsers(call.draft.state, certificate.arn)],
      Type: certificate.type,
      RenewalSummary: renewalSummary(certificate),
      KeyUsages: keyUsages.map(Name => ({ Name })) as CertificateDetail['KeyUsages'],
      ExtendedKeyUsages: [...extendedKeyUsages],
      RenewalEligibility: renewalEligibility(certificate),
      Options: {
        CertificateTransparencyLoggingPreference:
          certificate.transparencyLogging ?? (certificate.type === 'IMPORTED' ? 'DISABLED' : 'ENABLED'),
        Export: 'DISABLED',
      },
    },
  }
}

/** Of a certificate of ours the chain is the root, which clients must be given. */
export function GetCertificate(input: GetCertificateRequest, call: Call): GetCertificateResponse {
  const certificate = findCertificate(call, input.CertificateArn)
  const chain = certificate.type === 'IMPORTED' ? certificate.chain : rootAbove(certificate, call)
  return { Certificate: certificate.certificate, CertificateChain: chain || undefined }
}

export function DeleteCertificate(input: DeleteCertificateRequest, call: Call): object {
  const { arn } = findCertificate(call, input.CertificateArn)
  if (certificateUsers(call.draft.state, arn).length > 0) {
    throw new ApiError('ResourceInUseException', `Certificate ${arn} in account ${call.account} is in use.`)
  }
  call.draft.delete('certificates', arn)
  return {}
}

function renewalSummary(certificate: Certificate): CertificateDetail['RenewalSummary'] {
  if (certificate.renewedAt === undefined) return undefined
  return {
    RenewalStatus: 'SUCCESS',
    DomainValidationOptions: domainValidations(certificate),
    UpdatedAt: new Date(certificate.renewedAt),
  }
}

/** PEM; empty where the authority is another one by now. */
function rootAbove({ certificate }: Certificate, call: Call): string {
  const authority = call.draft.state.certificateAuthorities.get('local')
  if (authority === undefined || !new X509Certificate(certificate).checkIssued(rootOf(authority))) return ''
  return authority.certificate
}
