import type {
  CertificateSummary,
  Filters,
  ListCertificatesRequest,
  ListCertificatesResponse,
} from '@aws-sdk/client-acm'
import type { Certificate } from '../../domain/certificate.ts'
import { certificateUsers } from '../../domain/certificate-users.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { pageOf } from '../paging.ts'
import { detailsOf } from './certificate-details.ts'
import { invalid, renewalEligibility, shownKeyAlgorithm, statusOf } from './resources.ts'

/** What is shown where no key types are asked for, of certificates that have a name (AWS: ListCertificates, Filters). */
const defaultKeyTypes: readonly string[] = ['RSA_1024', 'RSA_2048']

/** AWS: a summary has the first 100 names. */
const shownNames = 100

export function ListCertificates(input: ListCertificatesRequest, call: Call): ListCertificatesResponse {
  if ((input.SortBy === undefined) !== (input.SortOrder === undefined)) {
    throw new ApiError('InvalidArgsException', 'SortBy and SortOrder must be specified together.')
  }
  const statuses: readonly string[] | undefined = input.CertificateStatuses
  const found = [...call.draft.state.certificates.values()].filter(
    certificate =>
      (statuses === undefined || statuses.includes(statusOf(certificate, call.now))) &&
      isIncluded(certificate, input.Includes ?? {}),
  )
  const { items, next } = pageOf(
    found,
    certificate => sortKey(certificate, input.SortOrder),
    { size: input.MaxItems ?? 1_000, token: input.NextToken },
    () => invalid('The NextToken is not valid.'),
  )
  return { CertificateSummaryList: items.map(certificate => summaryOf(certificate, call)), NextToken: next }
}

/** Within a filter one match is enough; `ANY` of a certificate is a value like others. */
function isIncluded(certificate: Certificate, filters: Filters): boolean {
  const { keyTypes, keyUsage, extendedKeyUsage, exportOption, managedBy } = filters
  if (exportOption === 'ENABLED' || managedBy !== undefined) return false
  if (keyTypes === undefined && certificate.names.length === 0) return false
  const types: readonly string[] = keyTypes ?? defaultKeyTypes
  if (!types.includes(certificate.keyAlgorithm)) return false
  return (
    (keyUsage === undefined || detailsOf(certificate).keyUsages.some(name => keyUsage.includes(name as never))) &&
    (extendedKeyUsage === undefined ||
      detailsOf(certificate).extendedKeyUsages.some(({ Name }) => extendedKeyUsage.includes(Name)))
  )
}

/** By ARN, or by the time of creation with the ARN to tell equal ones apart; thirteen digits last until the year 2286. */
function sortKey({ arn, createdAt }: Certificate, order: ListCertificatesRequest['SortOrder']): string {
  if (order === undefined) return arn
  return `${order === 'ASCENDING' ? createdAt : 1e13 - createdAt} ${arn}`
}

function summaryOf(certificate: Certificate, call: Call): CertificateSummary {
  const { keyUsages, extendedKeyUsages } = detailsOf(certificate)
  return {
    CertificateArn: certificate.arn,
    DomainName: certificate.domainName || undefined,
    SubjectAlternativeNameSummaries: certificate.names.slice(0, shownNames),
    HasAdditionalSubjectAlternativeNames: certificate.names.length > shownNames,
    Status: statusOf(certificate, call.now),
    Type: certificate.type,
    KeyAlgorithm: shownKeyAlgorithm(certificate) as CertificateSummary['KeyAlgorithm'],
    KeyUsages: [...keyUsages] as CertificateSummary['KeyUsages'],
    ExtendedKeyUsages: extendedKeyUsages.map(({ Name }) => Name),
    ExportOption: 'DISABLED',
    InUse: certificateUsers(call.draft.state, certificate.arn).length > 0,
    Exported: false,
    RenewalEligibility: renewalEligibility(certificate),
    NotBefore: new Date(certificate.notBefore),
    NotAfter: new Date(certificate.notAfter),
    CreatedAt: new Date(certificate.createdAt),
    ...(certificate.importedAt === undefined
      ? { IssuedAt: new Date(certificate.createdAt) }
      : { ImportedAt: new Date(certificate.importedAt) }),
  }
}
