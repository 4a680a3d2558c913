import type { DomainValidation } from '@aws-sdk/client-acm'
import type { Certificate } from '../../domain/certificate.ts'
import { fixedHex } from '../../domain/fixed-hex.ts'

/** What ACM tells of the names' validation, as if each had succeeded; for nothing that was imported. */
export function domainValidations({ type, arn, names, ...certificate }: Certificate): DomainValidation[] | undefined {
  if (type === 'IMPORTED') return undefined
  return names.map(name => {
    const base = name.replace(/^\*\./, '')
    const validationDomain = certificate.validationDomains?.[name] ?? base
    return {
      DomainName: name,
      ValidationDomain: validationDomain,
      ValidationStatus: 'SUCCESS',
      ...(certificate.validationMethod === 'DNS'
        ? { ValidationMethod: 'DNS', ResourceRecord: validationRecord(arn.split(':')[4] ?? '', base) }
        : { ValidationMethod: 'EMAIL', ValidationEmails: mailboxes.map(mailbox => `${mailbox}@${validationDomain}`) }),
    }
  })
}

/** Whom ACM writes to (AWS: Email validation). */
const mailboxes = ['administrator', 'hostmaster', 'postmaster', 'webmaster', 'admin']

/** The same for each certificate of an account that has this name or its wildcard, as AWS's is. */
function validationRecord(account: string, name: string): NonNullable<DomainValidation['ResourceRecord']> {
  const value = `_${fixedHex(`value ${account} ${name}`, 32)}.${fixedHex(`zone ${name}`, 10)}.acm-validations.aws.`
  return { Name: `_${fixedHex(`name ${account} ${name}`, 32)}.${name}.`, Type: 'CNAME', Value: value }
}
