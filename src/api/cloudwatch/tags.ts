import type {
  ListTagsForResourceInput,
  ListTagsForResourceOutput,
  Tag as SdkTag,
  TagResourceInput,
  UntagResourceInput,
} from '@aws-sdk/client-cloudwatch'
import type { Alarm } from '../../domain/alarm.ts'
import type { Tag } from '../../domain/tag.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { invalid, required } from './resources.ts'

/** AWS: at most 50 tags on a resource. */
const tagsPerResource = 50

export function TagResource(input: TagResourceInput, call: Call): object {
  const added = tagsIn(input.Tags)
  const keys = new Set(added.map(({ key }) => key))
  retag(input, call, tags => [...tags.filter(({ key }) => !keys.has(key)), ...added])
  return {}
}

export function UntagResource(input: UntagResourceInput, call: Call): object {
  const keys = new Set(input.TagKeys)
  retag(input, call, tags => tags.filter(({ key }) => !keys.has(key)))
  return {}
}

/** Terraform reads the tags of each alarm, whether or not it has any. */
export function ListTagsForResource(input: ListTagsForResourceInput, call: Call): ListTagsForResourceOutput {
  return { Tags: findTagged(input, call).tags.map(({ key, value }) => ({ Key: key, Value: value })) }
}

/** The tags of a request. */
export function tagsIn(tags: readonly SdkTag[] | undefined): readonly Tag[] {
  return (tags ?? []).map(({ Key: key = '', Value: value = '' }) => ({ key, value }))
}

function retag(
  input: { readonly ResourceARN: string | undefined },
  call: Call,
  change: (tags: readonly Tag[]) => readonly Tag[],
): void {
  const alarm = findTagged(input, call)
  const tags = change(alarm.tags)
  if (tags.length > tagsPerResource) throw invalid(`Resources cannot have more than ${tagsPerResource} tags.`)
  call.draft.put('alarms', alarm.name, { ...alarm, tags })
}

/** Of what CloudWatch can tag there are alarms alone here. */
function findTagged(input: { readonly ResourceARN: string | undefined }, call: Call): Alarm {
  const arn = required(input, 'ResourceARN')
  const alarm = call.draft.state.alarms.get(/:alarm:(.*)$/s.exec(arn)?.[1] ?? '')
  if (alarm?.arn === arn) return alarm
  throw new ApiError('ResourceNotFoundException', `There is no alarm '${arn}'.`, 404)
}
