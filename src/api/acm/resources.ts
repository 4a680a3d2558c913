import type { Certificate } from '../../domain/certificate.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'

export function invalid(text: string): ApiError {
  return new ApiError('ValidationException', text)
}

export function newArn(call: Call): string {
  return `arn:aws:acm:${call.region}:${call.account}:certificate/${call.uuid()}`
}

/** Throws ResourceNotFoundException. The schemas do not require the ARN of every action; AWS does. */
export function findCertificate(call: Call, arn: string | undefined): Certificate {
  const found = call.draft.state.certificates.get(arn ?? '')
  if (found !== undefined) return found
  throw new ApiError('ResourceNotFoundException', `Could not find certificate ${arn} in account ${call.account}.`)
}

/** How ACM's answers spell it: `RSA-2048`, where requests say `RSA_2048`. */
export function shownKeyAlgorithm(certificate: Certificate): string {
  return certificate.keyAlgorithm.replace('_', '-')
}

export function statusOf(certificate: Certificate, now: number): 'ISSUED' | 'EXPIRED' {
  return certificate.notAfter > now ? 'ISSUED' : 'EXPIRED'
}

/** Ours are all renewed; what was imported its owner renews. */
export function renewalEligibility({ type }: Certificate): 'ELIGIBLE' | 'INELIGIBLE' {
  return type === 'AMAZON_ISSUED' ? 'ELIGIBLE' : 'INELIGIBLE'
}
