import type {
  DeregisterTaskDefinitionRequest,
  DeregisterTaskDefinitionResponse,
  DescribeTaskDefinitionRequest,
  DescribeTaskDefinitionResponse,
  ListTaskDefinitionFamiliesRequest,
  ListTaskDefinitionFamiliesResponse,
  ListTaskDefinitionsRequest,
  ListTaskDefinitionsResponse,
  RegisterTaskDefinitionRequest,
  RegisterTaskDefinitionResponse,
  TaskDefinition as SdkTaskDefinition,
} from '@aws-sdk/client-ecs'
import type { TaskDefinition } from '../../domain/task-definition.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { containersIn, withDefaults } from './container-definitions.ts'
import { isName, makeArn, taskDefinitionNamed, tokenPage } from './resources.ts'
import { tagsIn } from './tags.ts'

export function RegisterTaskDefinition(
  { tags, ...input }: RegisterTaskDefinitionRequest,
  call: Call,
): RegisterTaskDefinitionResponse {
  const family = input.family ?? ''
  if (family === '') throw refused('Family can not be blank.')
  if (!isName(family)) throw refused('Family contains invalid characters.')
  checkFargate(input)
  const containers = containersIn(input)
  const known = call.draft.state.taskDefinitions.values().filter(definition => definition.family === family)
  const revision = Math.max(0, ...known.map(definition => definition.revision)) + 1
  const definition: TaskDefinition = {
    arn: makeArn(call, `task-definition/${family}:${revision}`),
    family,
    revision,
    status: 'ACTIVE',
    containers,
    registered: { ...input, containerDefinitions: input.containerDefinitions?.map(each => withDefaults(each, input)) },
    registeredAt: call.now,
    tags: tagsIn(tags),
  }
  call.draft.put('taskDefinitions', definition.arn, definition)
  return { taskDefinition: describe(definition), tags: [...definition.tags] }
}

export function DescribeTaskDefinition(
  input: DescribeTaskDefinitionRequest,
  call: Call,
): DescribeTaskDefinitionResponse {
  const definition = taskDefinitionNamed(call, input.taskDefinition ?? '')
  if (definition === undefined) throw refused('Unable to describe task definition.')
  return {
    taskDefinition: describe(definition),
    ...(input.include?.includes('TAGS') ? { tags: [...definition.tags] } : {}),
  }
}

/** Services go on with it, and scale; nothing new may name it. */
export function DeregisterTaskDefinition(
  input: DeregisterTaskDefinitionRequest,
  call: Call,
): DeregisterTaskDefinitionResponse {
  const name = input.taskDefinition ?? ''
  if (!/:\d+$/.test(name)) throw refused('Revision is missing.')
  const definition = taskDefinitionNamed(call, name)
  if (definition === undefined) throw refused('The specified task definition does not exist.')
  const deregistered: TaskDefinition = { ...definition, status: 'INACTIVE', deregisteredAt: call.now }
  if (definition.status === 'ACTIVE') call.draft.put('taskDefinitions', definition.arn, deregistered)
  return { taskDefinition: describe(call.draft.state.taskDefinitions.get(definition.arn) ?? deregistered) }
}

export function ListTaskDefinitions(input: ListTaskDefinitionsRequest, call: Call): ListTaskDefinitionsResponse {
  const { familyPrefix: family, status = 'ACTIVE' } = input
  const wanted = [...call.draft.state.taskDefinitions.values()].filter(
    definition => definition.status === status && (family === undefined || definition.family === family),
  )
  const keyOf = input.sort === 'DESC' ? (each: TaskDefinition) => complement(orderKey(each)) : orderKey
  const { items, nextToken } = tokenPage(wanted, keyOf, input)
  return { taskDefinitionArns: items.map(definition => definition.arn), nextToken }
}

/** Families with an active revision, those without one, or both. */
export function ListTaskDefinitionFamilies(
  input: ListTaskDefinitionFamiliesRequest,
  call: Call,
): ListTaskDefinitionFamiliesResponse {
  const { familyPrefix = '', status = 'ALL' } = input
  const definitions = [...call.draft.state.taskDefinitions.values()]
  const active = new Set(definitions.filter(each => each.status === 'ACTIVE').map(each => each.family))
  const wanted = [...new Set(definitions.map(each => each.family))].filter(
    family => family.startsWith(familyPrefix) && (status === 'ALL' || active.has(family) === (status === 'ACTIVE')),
  )
  const { items, nextToken } = tokenPage(wanted, family => family, input)
  return { families: items, nextToken }
}

/** A space is before all that a family's name may hold, so `web` and its revisions come before `web-2`. */
function orderKey({ family, revision }: TaskDefinition): string {
  return `${family} ${String(revision).padStart(9, '0')}`
}

/** ASCII text that sorts the other way round. */
function complement(text: string): string {
  return Array.from(text, letter => String.fromCharCode(127 - letter.charCodeAt(0))).join('')
}

function checkFargate(input: RegisterTaskDefinitionRequest): void {
  if (!input.requiresCompatibilities?.includes('FARGATE')) return
  if (input.networkMode !== 'awsvpc') throw refused("Fargate only supports network mode 'awsvpc'.")
  if (!input.cpu) throw refused("Fargate requires that 'cpu' be defined at the task level.")
  if (!input.memory) throw refused("Fargate requires that 'memory' be defined at the task level.")
}

function describe(definition: TaskDefinition): SdkTaskDefinition {
  const fargate = definition.registered.networkMode === 'awsvpc' ? (['FARGATE'] as const) : []
  return {
    volumes: [],
    placementConstraints: [],
    requiresAttributes: [],
    compatibilities: ['EC2', ...fargate],
    ...definition.registered,
    taskDefinitionArn: definition.arn,
    revision: definition.revision,
    status: definition.status,
    registeredAt: new Date(definition.registeredAt),
    ...(definition.deregisteredAt === undefined ? {} : { deregisteredAt: new Date(definition.deregisteredAt) }),
  }
}

function refused(message: string): ApiError {
  return new ApiError('ClientException', message)
}
