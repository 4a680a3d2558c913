import type {
  RenewCertificateRequest,
  RequestCertificateRequest,
  RequestCertificateResponse,
  UpdateCertificateOptionsRequest,
} from '@aws-sdk/client-acm'
import type { Certificate } from '../../domain/certificate.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { type IssuedKeyAlgorithm, issueCertificate, localAuthority } from './authority.ts'
import { renewalChanges } from './renewal.ts'
import { findCertificate, invalid, newArn } from './resources.ts'
import { tagsIn } from './tags.ts'

/** AWS: an idempotency token times out after one hour. */
const tokenMs = 3_600_000

/** Issued at once, by the authority of this data directory: whoever may call this owns every name. */
export function RequestCertificate(input: RequestCertificateRequest, call: Call): RequestCertificateResponse {
  checkOffered(input)
  const domainName = (input.DomainName ?? '').toLowerCase()
  if (domainName.length > 64) {
    throw invalid('The first domain name you provide cannot exceed 64 octets, including periods.')
  }
  const others = (input.SubjectAlternativeNames ?? []).map(name => name.toLowerCase())
  const names = [...new Set([domainName, ...others])]
  const keyAlgorithm = keyAlgorithmIn(input)
  const validationDomains = validationDomainsIn(input, names)
  const tags = tagsIn(input.Tags)
  const known = requestedBefore(input, names, keyAlgorithm, call)
  if (known !== undefined) return { CertificateArn: known.arn }

  const { authority, changes } = localAuthority(call.draft.state, call)
  for (const change of changes) call.draft.change(change)
  const certificate: Certificate = {
    arn: newArn(call),
    type: 'AMAZON_ISSUED',
    ...issueCertificate(authority, names, keyAlgorithm, call.now),
    chain: '',
    domainName,
    names,
    keyAlgorithm,
    createdAt: call.now,
    ...(input.IdempotencyToken !== undefined && { idempotencyToken: input.IdempotencyToken }),
    validationMethod: input.ValidationMethod === 'DNS' ? 'DNS' : 'EMAIL',
    ...(validationDomains !== undefined && { validationDomains }),
    ...loggingIn(input),
    tags,
  }
  call.draft.put('certificates', certificate.arn, certificate)
  return { CertificateArn: certificate.arn }
}

/** At once, and for every certificate of ours; AWS does it for those that were exported. */
export function RenewCertificate(input: RenewCertificateRequest, call: Call): object {
  const certificate = findCertificate(call, input.CertificateArn)
  if (certificate.type !== 'AMAZON_ISSUED') {
    throw invalid(`Certificate ${certificate.arn} was imported and is not eligible for renewal.`)
  }
  for (const change of renewalChanges(call.draft.state, certificate, call)) call.draft.change(change)
  return {}
}

export function UpdateCertificateOptions(input: UpdateCertificateOptionsRequest, call: Call): object {
  const certificate = findCertificate(call, input.CertificateArn)
  if (certificate.type !== 'AMAZON_ISSUED') {
    throw new ApiError('InvalidStateException', `Certificate ${certificate.arn} was imported and has no options.`)
  }
  checkOffered(input)
  call.draft.put('certificates', certificate.arn, { ...certificate, ...loggingIn(input) })
  return {}
}

function checkOffered(input: Partial<RequestCertificateRequest>): void {
  if (input.CertificateAuthorityArn !== undefined) {
    throw invalid('Certificates of private certificate authorities are not offered here yet.')
  }
  if (input.ManagedBy !== undefined) throw invalid('Certificates managed by CloudFront are not offered here.')
  if (input.ValidationMethod === 'HTTP') throw invalid('HTTP validation is only available for CloudFront certificates.')
  if (input.Options?.Export === 'ENABLED') throw invalid('Exportable certificates are not offered here yet.')
}

function keyAlgorithmIn({ KeyAlgorithm: asked = 'RSA_2048' }: RequestCertificateRequest): IssuedKeyAlgorithm {
  if (asked === 'RSA_2048' || asked === 'EC_prime256v1' || asked === 'EC_secp384r1') return asked
  throw invalid(`The key algorithm ${asked} is not supported for public certificates.`)
}

/** Each must be the name's own or one of its parents (AWS: DomainValidationOption). */
function validationDomainsIn(
  { DomainValidationOptions: options }: RequestCertificateRequest,
  names: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (options === undefined) return undefined
  const pairs = options.map(({ DomainName = '', ValidationDomain = '' }) => {
    const [name, parent] = [DomainName.toLowerCase(), ValidationDomain.toLowerCase()]
    if (names.includes(name) && (name === parent || name.endsWith(`.${parent}`))) return [name, parent] as const
    throw new ApiError(
      'InvalidDomainValidationOptionsException',
      `The validation domain ${ValidationDomain} is not valid for the domain ${DomainName}.`,
    )
  })
  return Object.fromEntries(pairs)
}

function requestedBefore(
  { IdempotencyToken: token }: RequestCertificateRequest,
  names: readonly string[],
  keyAlgorithm: string,
  call: Call,
): Certificate | undefined {
  if (token === undefined) return undefined
  return call.draft.state.certificates
    .values()
    .find(
      known =>
        known.idempotencyToken === token &&
        call.now - known.createdAt < tokenMs &&
        known.keyAlgorithm === keyAlgorithm &&
        known.names.join() === names.join(),
    )
}

function loggingIn({ Options }: Pick<RequestCertificateRequest, 'Options'>): Pick<Certificate, 'transparencyLogging'> {
  const asked = Options?.CertificateTransparencyLoggingPreference
  return asked === undefined ? {} : { transparencyLogging: asked }
}
