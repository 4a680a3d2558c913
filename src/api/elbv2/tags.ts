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
import { findListener, findLoadBalancer, findRule, findTargetGroup, invalid, isDefault } from './resources.ts'

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
      Tags: (findTagged(call.draft.state, arn)?.value.tags ?? []).map(tag => ({ Key: tag.key, Value: tag.value })),
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
  [K in 'loadBalancers' | 'listeners' | 'rules' | 'targetGroups']: {
    readonly table: K
    readonly value: State[K] extends ReadonlyMap<string, infer Value> ? Value : never
  }
}['loadBalancers' | 'listeners' | 'rules' | 'targetGroups']

/** All resources are found before the first is changed. */
function retag(
  arns: readonly string[] | undefined,
  call: Call,
  change: (tags: readonly Tag[]) => readonly Tag[],
): void {
  const tagged = (arns ?? []).map(arn => {
    const its = findTagged(call.draft.state, arn)
    if (its !== undefined) return its
    throw new ApiError('OperationNotPermitted', `Default rule '${arn}' has no tags of its own: tag its listener`)
  })
  for (const { table, value } of tagged) {
    const tags = change(value.tags)
    checkCount(tags)
    call.draft.put(table, value.arn, { ...value, tags })
  }
}

/** `undefined`: a default rule, of which there is no record. */
function findTagged(state: State, arn: string): Tagged | undefined {
  const [, kind] = /^arn:aws[a-z-]*:elasticloadbalancing:[^:]*:[^:]*:([a-z-]+)\//.exec(arn) ?? []
  if (kind === 'loadbalancer') return { table: 'loadBalancers', value: findLoadBalancer(state, arn) }
  if (kind === 'listener') return { table: 'listeners', value: findListener(state, arn) }
  if (kind === 'targetgroup') return { table: 'targetGroups', value: findTargetGroup(state, arn) }
  if (kind === 'listener-rule') {
    const rule = findRule(state, arn)
    return isDefault(rule) ? undefined : { table: 'rules', value: rule }
  }
  throw invalid(`'${arn}' is not a valid resource ARN`)
}

function checkCount(tags: readonly Tag[]): void {
  if (tags.length > tagsPerResource) {
    throw new ApiError('TooManyTags', `You cannot have more than ${tagsPerResource} tags on a resource`)
  }
}
