import type {
  ListTagsForResourceRequest,
  ListTagsForResourceResponse,
  Tag as SdkTag,
  TagResourceRequest,
  TagResourceResponse,
  UntagResourceRequest,
  UntagResourceResponse,
} from '@aws-sdk/client-ecs'
import type { Change, State } from '../../domain/state.ts'
import type { Tag } from '../../domain/tag.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { invalid } from './resources.ts'

/** AWS: at most 50 tags on a resource. */
const tagsPerResource = 50

export function TagResource(input: TagResourceRequest, call: Call): TagResourceResponse {
  const added = tagsIn(input.tags)
  const keys = new Set(added.map(tag => tag.key))
  retag(input.resourceArn, call, tags => [...tags.filter(tag => !keys.has(tag.key)), ...added])
  return {}
}

export function UntagResource(input: UntagResourceRequest, call: Call): UntagResourceResponse {
  const keys = new Set(input.tagKeys)
  retag(input.resourceArn, call, tags => tags.filter(tag => !keys.has(tag.key)))
  return {}
}

export function ListTagsForResource(input: ListTagsForResourceRequest, call: Call): ListTagsForResourceResponse {
  return { tags: [...findTagged(call.draft.state, input.resourceArn).value.tags] }
}

/** The tags of a request; throws InvalidParameterException for what AWS does not allow. */
export function tagsIn(tags: readonly SdkTag[] | undefined): readonly Tag[] {
  const checked: Tag[] = []
  for (const { key = '', value = '' } of tags ?? []) {
    if (key === '') throw invalid('Tag key cannot be null or empty.')
    if (/^aws:/i.test(key)) throw invalid("Tags with the prefix 'aws:' are reserved and cannot be specified.")
    if (checked.some(tag => tag.key === key)) throw invalid(`Duplicate tag key '${key}' found.`)
    checked.push({ key, value })
  }
  checkCount(checked)
  return checked
}

type TaggedTable = 'clusters' | 'services' | 'taskDefinitions' | 'taskSets' | 'tasks'

const tables: Readonly<Record<string, TaggedTable>> = {
  cluster: 'clusters',
  service: 'services',
  'task-definition': 'taskDefinitions',
  'task-set': 'taskSets',
  task: 'tasks',
}

function retag(arn: string | undefined, call: Call, change: (tags: readonly Tag[]) => readonly Tag[]): void {
  const { table, value } = findTagged(call.draft.state, arn)
  const tags = change(value.tags)
  checkCount(tags)
  const changed = { table, key: value.arn, value: { ...value, tags } } as Change
  call.draft.put(changed.table, changed.key, changed.value ?? value)
}

function findTagged(state: State, arn = '') {
  const [, kind = ''] = /^arn:aws[a-z-]*:ecs:[^:]*:[^:]*:([a-z-]+)\//.exec(arn) ?? []
  const table = tables[kind]
  if (table === undefined) throw invalid(`Invalid resource ARN: ${arn}`)
  const value = state[table].get(arn)
  if (value !== undefined) return { table, value }
  throw table === 'clusters'
    ? new ApiError('ClusterNotFoundException', 'Cluster not found.')
    : new ApiError('ResourceNotFoundException', 'The specified resource was not found.')
}

function checkCount(tags: readonly Tag[]): void {
  if (tags.length > tagsPerResource) throw invalid(`Resources cannot have more than ${tagsPerResource} tags.`)
}
