import type { Constraint, Constraints } from '../call.ts'

const arn: Constraint = {
  min: 20,
  max: 2048,
  pattern: /^arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(\/[\w+=,.@-]+)*$/,
}
const domain: Constraint = {
  min: 1,
  max: 253,
  pattern: /^(?=.{1,253}$)(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])$/,
}
const keyAlgorithm: Constraint = {
  enum: ['RSA_1024', 'RSA_2048', 'RSA_3072', 'RSA_4096', 'EC_prime256v1', 'EC_secp384r1', 'EC_secp521r1'],
}
const onOff: Constraint = { enum: ['ENABLED', 'DISABLED'] }
const tags: Constraint = { min: 1, max: 50 }
const text = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

/** What ACM's service model says of members beside their types. */
export const constraints: Constraints = {
  'ImportCertificateRequest.CertificateArn': arn,
  'ImportCertificateRequest.Certificate': { min: 1, max: 32_768 },
  'ImportCertificateRequest.PrivateKey': { min: 1, max: 5_120 },
  'ImportCertificateRequest.CertificateChain': { min: 1, max: 2_097_152 },
  'ImportCertificateRequest.Tags': tags,
  'RequestCertificateRequest.DomainName': domain,
  'RequestCertificateRequest.ValidationMethod': { enum: ['EMAIL', 'DNS', 'HTTP'] },
  'RequestCertificateRequest.SubjectAlternativeNames': { ...domain, max: 100 },
  'RequestCertificateRequest.IdempotencyToken': { min: 1, max: 32, pattern: /^\w+$/ },
  'RequestCertificateRequest.DomainValidationOptions': { min: 1, max: 100 },
  'RequestCertificateRequest.KeyAlgorithm': keyAlgorithm,
  'RequestCertificateRequest.Tags': tags,
  'DomainValidationOption.DomainName': domain,
  'DomainValidationOption.ValidationDomain': domain,
  'CertificateOptions.CertificateTransparencyLoggingPreference': onOff,
  'CertificateOptions.Export': onOff,
  'DescribeCertificateRequest.CertificateArn': arn,
  'GetCertificateRequest.CertificateArn': arn,
  'DeleteCertificateRequest.CertificateArn': arn,
  'RenewCertificateRequest.CertificateArn': arn,
  'UpdateCertificateOptionsRequest.CertificateArn': arn,
  'ListCertificatesRequest.CertificateStatuses': {
    enum: ['PENDING_VALIDATION', 'ISSUED', 'INACTIVE', 'EXPIRED', 'VALIDATION_TIMED_OUT', 'REVOKED', 'FAILED'],
  },
  'ListCertificatesRequest.MaxItems': { min: 1, max: 1_000 },
  'ListCertificatesRequest.NextToken': { min: 1, max: 10_000 },
  'ListCertificatesRequest.SortBy': { enum: ['CREATED_AT'] },
  'ListCertificatesRequest.SortOrder': { enum: ['ASCENDING', 'DESCENDING'] },
  'Filters.keyTypes': keyAlgorithm,
  'AddTagsToCertificateRequest.CertificateArn': arn,
  'AddTagsToCertificateRequest.Tags': tags,
  'RemoveTagsFromCertificateRequest.CertificateArn': arn,
  'RemoveTagsFromCertificateRequest.Tags': tags,
  'ListTagsForCertificateRequest.CertificateArn': arn,
  'Tag.Key': { min: 1, max: 128, pattern: text },
  'Tag.Value': { max: 256, pattern: text },
}
