import type {
  CreateTagsRequest,
  DeleteTagsRequest,
  DescribeTagsRequest,
  DescribeTagsResult,
  Tag as Ec2Tag,
  ResourceType,
  TagDescription,
  TagSpecification,
} from '@aws-sdk/client-ec2'
import type { Tag } from '../../domain/tag.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { type FilterTable, filteredPage } from './filters.ts'
import { invalidValue, isId, kinds, notFound } from './resources.ts'

const maxTags = 50

const taggableTables = [
  ['vpcs', 'vpc'],
  ['subnets', 'subnet'],
  ['securityGroups', 'security-group'],
  ['instances', 'instance'],
] as const

/** Anything that carries tags here: its tags, and how to keep others. */
interface Tagged {
  readonly id: string
  readonly type: ResourceType
  readonly tags: readonly Tag[]
  keep(tags: readonly Tag[]): void
}

/** Tags that a Create action gives to its new resource of `type`; `others` may be named beside it and are not kept. */
export function tagsFor(
  specifications: readonly TagSpecification[] | undefined,
  type: ResourceType,
  others: readonly ResourceType[] = [],
): readonly Tag[] {
  let tags: readonly Tag[] = []
  for (const { ResourceType: given, Tags } of specifications ?? []) {
    if (given === type) tags = merged(tags, Tags ?? [])
    else if (given === undefined || !others.includes(given)) {
      throw invalidValue(`'${given}' is not a valid taggable resource type for this operation.`)
    }
  }
  return tags
}

/** Tags as answers carry them. */
export function tagSet(tags: readonly Tag[]): { Key: string; Value: string }[] {
  return tags.map(tag => ({ Key: tag.key, Value: tag.value }))
}

export function CreateTags(input: CreateTagsRequest, call: Call): void {
  for (const id of input.Resources ?? []) {
    const resource = find(call, id)
    resource.keep(merged(resource.tags, input.Tags ?? []))
  }
}

/** Without `Tags` all go; a tag with a value goes only if it has that value. */
export function DeleteTags(input: DeleteTagsRequest, call: Call): void {
  for (const id of input.Resources ?? []) {
    const resource = find(call, id)
    const goes = (tag: Tag) =>
      input.Tags === undefined ||
      input.Tags.some(given => given.Key === tag.key && (given.Value === undefined || given.Value === tag.value))
    resource.keep(resource.tags.filter(tag => !goes(tag)))
  }
}

const filters: FilterTable<TagDescription> = {
  key: tag => tag.Key,
  value: tag => tag.Value,
  'resource-id': tag => tag.ResourceId,
  'resource-type': tag => tag.ResourceType,
}

export function DescribeTags(input: DescribeTagsRequest, call: Call): DescribeTagsResult {
  const described = allTagged(call).flatMap(({ id, type, tags }) =>
    tagSet(tags).map(tag => ({ ...tag, ResourceId: id, ResourceType: type, Tags: [tag] })),
  )
  const { items, NextToken } = filteredPage(described, filters, tag => `${tag.ResourceId} ${tag.Key}`, input)
  return { NextToken, Tags: items.map(({ Tags, ...tag }) => tag) }
}

function merged(old: readonly Tag[], given: readonly Ec2Tag[]): readonly Tag[] {
  const tags = new Map(old.map(tag => [tag.key, tag]))
  const seen = new Set<string>()
  for (const { Key: key = '', Value: value = '' } of given) {
    if (key === '') throw invalidValue('Tag key cannot be empty')
    if (key.startsWith('aws:')) throw invalidValue(`Tag keys starting with 'aws:' are reserved for internal use`)
    if (seen.has(key)) throw invalidValue(`Duplicate tag key '${key}' specified.`)
    seen.add(key)
    tags.set(key, { key, value })
  }
  if (tags.size > maxTags) {
    throw new ApiError('TagLimitExceeded', `The maximum number of tags per resource, ${maxTags}, has been reached.`)
  }
  return [...tags.values()]
}

function find(call: Call, id: string): Tagged {
  const found = allTagged(call).find(resource => resource.id === id)
  if (found !== undefined) return found
  const kind = Object.values(kinds).find(kind => isId(kind, id))
  if (kind === undefined) throw new ApiError('InvalidID', `The ID '${id}' is not valid`)
  throw notFound(kind, id)
}

function* allTagged(call: Call): Generator<Tagged> {
  const { draft } = call
  for (const [table, type] of taggableTables) {
    for (const record of draft.state[table].values()) {
      const { id, tags } = record
      yield { id, type, tags, keep: tags => draft.put(table, id, { ...record, tags }) }
    }
  }
  for (const group of draft.state.securityGroups.values()) {
    for (const rule of group.rules) {
      const keep = (tags: readonly Tag[]) => {
        const rules = group.rules.map(other => (other.id === rule.id ? { ...rule, tags } : other))
        draft.put('securityGroups', group.id, { ...group, rules })
      }
      yield { id: rule.id, type: 'security-group-rule', tags: rule.tags, keep }
    }
  }
}
