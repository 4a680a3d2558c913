import type {
  ListTagsForResourceInput,
  ListTagsForResourceOutput,
  Tag as SdkTag,
  TagResourceInput,
  UntagResourceInput,
} from '@aws-sdk/client-codedeploy'
import type { Application, DeploymentGroup } from '../../domain/code-deploy.ts'
import type { State } from '../../domain/state.ts'
import type { Tag } from '../../domain/tag.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { findApplication, findDeploymentGroup } from './resources.ts'

export function TagResource(input: TagResourceInput, call: Call): Record<string, never> {
  const tagged = findTagged(call.draft.state, input.ResourceArn)
  if (!input.Tags?.length) throw new ApiError('TagRequiredException', 'A tag was not specified.')
  const added = tagsIn(input.Tags)
  const keys = new Set(added.map(tag => tag.key))
  retag(tagged, [...tagged.value.tags.filter(tag => !keys.has(tag.key)), ...added], call)
  return {}
}

export function UntagResource(input: UntagResourceInput, call: Call): Record<string, never> {
  const tagged = findTagged(call.draft.state, input.ResourceArn)
  if (!input.TagKeys?.length) throw new ApiError('TagRequiredException', 'A tag was not specified.')
  const keys = new Set(input.TagKeys)
  retag(
    tagged,
    tagged.value.tags.filter(tag => !keys.has(tag.key)),
    call,
  )
  return {}
}

export function ListTagsForResource(input: ListTagsForResourceInput, call: Call): ListTagsForResourceOutput {
  const { tags } = findTagged(call.draft.state, input.ResourceArn).value
  return { Tags: tags.map(({ key, value }) => ({ Key: key, Value: value })) }
}

/** The tags of a request; throws InvalidTagsToAddException for those that AWS does not take. */
export function tagsIn(tags: readonly SdkTag[] | undefined): readonly Tag[] {
  const invalid = (message: string) => new ApiError('InvalidTagsToAddException', message)
  const checked: Tag[] = []
  for (const { Key: key = '', Value: value = '' } of tags ?? []) {
    if (key === '' || key.length > 128) throw invalid('A tag key has 1 to 128 characters')
    if (value.length > 256) throw invalid(`The value of tag '${key}' has more than 256 characters`)
    if (/^aws:/i.test(key)) throw invalid("The tag key prefix 'aws:' is reserved and cannot be used")
    if (checked.some(tag => tag.key === key)) throw invalid(`Tag key '${key}' was specified more than once`)
    checked.push({ key, value })
  }
  checkCount(checked)
  return checked
}

type Tagged =
  | { readonly table: 'applications'; readonly key: string; readonly value: Application }
  | { readonly table: 'deploymentGroups'; readonly key: string; readonly value: DeploymentGroup }

function findTagged(state: State, arn: string | undefined): Tagged {
  if (arn === undefined || arn === '') {
    throw new ApiError('ResourceArnRequiredException', 'The ARN of a resource is required, but was not found.')
  }
  const [, kind, name = ''] = /^arn:aws[a-z-]*:codedeploy:[a-z0-9-]+:\d+:([a-z]+):(.+)$/.exec(arn) ?? []
  if (kind === undefined) throw new ApiError('InvalidArnException', `The ARN '${arn}' is not in a valid format`)
  const [application, group] = name.split('/')
  if (kind === 'application') return { table: 'applications', key: name, value: findApplication(state, name) }
  if (kind === 'deploymentgroup') {
    return { table: 'deploymentGroups', key: name, value: findDeploymentGroup(state, application, group) }
  }
  throw new ApiError('ArnNotSupportedException', `The ARN '${arn}' is not supported: it names nothing that has tags`)
}

function retag(tagged: Tagged, tags: readonly Tag[], call: Call): void {
  checkCount(tags)
  if (tagged.table === 'applications') call.draft.put(tagged.table, tagged.key, { ...tagged.value, tags })
  else call.draft.put(tagged.table, tagged.key, { ...tagged.value, tags })
}

function checkCount(tags: readonly Tag[]): void {
  if (tags.length > 50) {
    throw new ApiError('InvalidTagsToAddException', 'You cannot have more than 50 tags on a resource')
  }
}
