import type {
  AddTagsInput,
  AddTagsOutput,
  DescribeTagsInput,
  DescribeTagsOutput,
  RemoveTagsInput,
  RemoveTagsOutput,
  Tag as SdkTag,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import type { State } from '../../domain/state.ts'
import type { Tag } from '../../domain/tag.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { findListener, findLoadBalancer, findTargetGroup, invalid } from './resources.ts'

/** AWS: at most 50 tags on a resource. */
const tagsPerResource = 50

export function AddTags(input: AddTagsInput, call: Call): AddTagsOutput {
  const added = tagsIn(input.Tags)
  retag(input.ResourceArns, call, tags => {
    const keys = new Set(added.map(tag => tag.key))
    return [...tags.filter(tag => !keys.has(tag.key)), ...added]
  })
  return {}
}

export function RemoveTags(input: RemoveTagsInput, call: Call): RemoveTagsOutput {
  const keys = new Set(input.TagKeys)
  retag(input.ResourceArns, call, tags => tags.filter(tag => !keys.has(tag.key)))
  return {}
}

export function DescribeTags(input: DescribeTagsInput, call: Call): DescribeTagsOutput {
  return {
    TagDescriptions: (input.ResourceArns ?? []).map(arn => ({
      ResourceArn: arn,
      Tags: findTagged(call.draft.state, arn).value.tags.map(tag => ({ Key: tag.key, Value: tag.value })),
    })),
  }
}

/** The tags of a request; throws DuplicateTagKeys, TooManyTags, or ValidationError for AWS's own prefix. */
export function tagsIn(tags: readonly SdkTag[] | undefined): readonly Tag[] {
  const checked: Tag[] = []
  for (const { Key: key = '', Value: value = '' } of tags ?? []) {
    if (/^aws:/i.test(key)) throw invalid("The tag key prefix 'aws:' is reserved and cannot be used")
    if (checked.some(tag => tag.key === key)) {
      throw new ApiError('DuplicateTagKeys', `Tag key '${key}' was specified more than once`)
    }
    checked.push({ key, value })
  }
  checkCount(checked)
  return checked
}

type Tagged = {
  [K in 'loadBalancers' | 'listeners' | 'targetGroups']: {
    readonly table: K
    readonly value: State[K] extends ReadonlyMap<string, infer Value> ? Value : never
  }
}['loadBalancers' | 'listeners' | 'targetGroups']

/** All resources are found before the first is changed. */
function retag(
  arns: readonly string[] | undefined,
  call: Call,
  change: (tags: readonly Tag[]) => readonly Tag[],
): void {
  for (const { table, value } of (arns ?? []).map(arn => findTagged(call.draft.state, arn))) {
    const tags = change(value.tags)
    checkCount(tags)
    call.draft.put(table, value.arn, { ...value, tags })
  }
}

function findTagged(state: State, arn: string): Tagged {
  const [, kind] = /^arn:aws[a-z-]*:elasticloadbalancing:[^:]*:[^:]*:([a-z-]+)\//.exec(arn) ?? []
  if (kind === 'loadbalancer') return { table: 'loadBalancers', value: findLoadBalancer(state, arn) }
  if (kind === 'listener') return { table: 'listeners', value: findListener(state, arn) }
  if (kind === 'targetgroup') return { table: 'targetGroups', value: findTargetGroup(state, arn) }
  if (kind === 'listener-rule') throw new ApiError('RuleNotFound', 'One or more rules not found')
  throw invalid(`'${arn}' is not a valid resource ARN`)
}

function checkCount(tags: readonly Tag[]): void {
  if (tags.length > tagsPerResource) {
    throw new ApiError('TooManyTags', `You cannot have more than ${tagsPerResource} tags on a resource`)
  }
}
