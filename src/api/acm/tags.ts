import type {
  AddTagsToCertificateRequest,
  ListTagsForCertificateRequest,
  ListTagsForCertificateResponse,
  RemoveTagsFromCertificateRequest,
  Tag as SdkTag,
} from '@aws-sdk/client-acm'
import type { Certificate } from '../../domain/certificate.ts'
import type { Tag } from '../../domain/tag.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { findCertificate } from './resources.ts'

/** AWS: at most 50 tags on a resource. */
const tagsPerResource = 50

export function AddTagsToCertificate(input: AddTagsToCertificateRequest, call: Call): object {
  const certificate = findCertificate(call, input.CertificateArn)
  const added = tagsIn(input.Tags)
  const keys = new Set(added.map(({ key }) => key))
  retag(certificate, [...certificate.tags.filter(({ key }) => !keys.has(key)), ...added], call)
  return {}
}

/** A tag that is given with a value is taken away only where it has that value. */
export function RemoveTagsFromCertificate(input: RemoveTagsFromCertificateRequest, call: Call): object {
  const certificate = findCertificate(call, input.CertificateArn)
  const isNamed = ({ key, value }: Tag) =>
    (input.Tags ?? []).some(({ Key, Value }) => Key === key && (Value === undefined || Value === value))
  retag(
    certificate,
    certificate.tags.filter(tag => !isNamed(tag)),
    call,
  )
  return {}
}

export function ListTagsForCertificate(
  input: ListTagsForCertificateRequest,
  call: Call,
): ListTagsForCertificateResponse {
  const { tags } = findCertificate(call, input.CertificateArn)
  return { Tags: tags.map(({ key, value }) => ({ Key: key, Value: value })) }
}

/** The tags of a request. Throws InvalidTagException for AWS's own prefix, InvalidParameterException for a key that comes twice. */
export function tagsIn(tags: readonly SdkTag[] | undefined): readonly Tag[] {
  const checked = new Map<string, Tag>()
  for (const { Key: key = '', Value: value = '' } of tags ?? []) {
    if (/^aws:/i.test(key))
      throw new ApiError('InvalidTagException', 'aws: prefixed tag key names are not allowed for external use.')
    if (checked.has(key)) throw new ApiError('InvalidParameterException', `Duplicate tag keys found: ${key}`)
    checked.set(key, { key, value })
  }
  return [...checked.values()]
}

function retag(certificate: Certificate, tags: readonly Tag[], call: Call): void {
  if (tags.length > tagsPerResource) {
    throw new ApiError(
      'TooManyTagsException',
      `the TagSet: '{${tags.map(({ key, value }) => `${key}=${value}`).join(', ')}}' contains too many Tags`,
    )
  }
  call.draft.put('certificates', certificate.arn, { ...certificate, tags })
}
