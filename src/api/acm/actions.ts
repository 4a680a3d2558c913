import { DeleteCertificate, DescribeCertificate, GetCertificate } from './certificates.ts'
import { ImportCertificate } from './import-certificate.ts'
import { ListCertificates } from './list-certificates.ts'
import { RenewCertificate, RequestCertificate, UpdateCertificateOptions } from './request-certificate.ts'
import { AddTagsToCertificate, ListTagsForCertificate, RemoveTagsFromCertificate } from './tags.ts'

export { constraints } from './constraints.ts'

/** ACM's actions, apart from the service's own entry, so that they are loaded when they are needed. */
export const actions = {
  AddTagsToCertificate,
  DeleteCertificate,
  DescribeCertificate,
  GetCertificate,
  ImportCertificate,
  ListCertificates,
  ListTagsForCertificate,
  RemoveTagsFromCertificate,
  RenewCertificate,
  RequestCertificate,
  UpdateCertificateOptions,
}
