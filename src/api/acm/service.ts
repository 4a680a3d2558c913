import type { Service } from '../call.ts'

/** ACM: certificates that are imported, or issued by the authority of this data directory. */
export const acm: Service = {
  signingName: 'acm',
  version: '2015-12-08',
  protocol: 'json',
  targetPrefix: 'CertificateManager',
  invalidCode: 'ValidationException',
  actionNames: [
    'AddTagsToCertificate',
    'DeleteCertificate',
    'DescribeCertificate',
    'GetCertificate',
    'ImportCertificate',
    'ListCertificates',
    'ListTagsForCertificate',
    'RemoveTagsFromCertificate',
    'RenewCertificate',
    'RequestCertificate',
    'UpdateCertificateOptions',
  ],
  // The packages that write certificates take 70 ms to import.
  load: async () => ({ schemas: await import('@aws-sdk/client-acm'), ...(await import('./actions.ts')) }),
}
