import type {
  ApplicationInfo,
  BatchGetApplicationsInput,
  BatchGetApplicationsOutput,
  CreateApplicationInput,
  CreateApplicationOutput,
  DeleteApplicationInput,
  GetApplicationInput,
  GetApplicationOutput,
  ListApplicationsInput,
  ListApplicationsOutput,
  UpdateApplicationInput,
} from '@aws-sdk/client-codedeploy'
import { type Application, type Deployment, finalStatuses } from '../../domain/code-deploy.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { checkBatch, checkComputePlatform, checkName, findApplication, groupsOf, page } from './resources.ts'
import { tagsIn } from './tags.ts'

export function CreateApplication(input: CreateApplicationInput, call: Call): CreateApplicationOutput {
  const name = checkName('Application', input.applicationName)
  checkComputePlatform(input.computePlatform)
  checkFree(call.draft.state, name)
  const application: Application = { id: call.uuid(), name, createdAt: call.now, tags: tagsIn(input.tags) }
  call.draft.put('applications', name, application)
  return { applicationId: application.id }
}

export function GetApplication(input: GetApplicationInput, call: Call): GetApplicationOutput {
  return { application: describe(findApplication(call.draft.state, input.applicationName)) }
}

export function BatchGetApplications(input: BatchGetApplicationsInput, call: Call): BatchGetApplicationsOutput {
  if (!input.applicationNames?.length) checkName('Application', undefined)
  checkBatch(input.applicationNames, 100)
  return { applicationsInfo: input.applicationNames?.map(name => describe(findApplication(call.draft.state, name))) }
}

export function ListApplications(input: ListApplicationsInput, call: Call): ListApplicationsOutput {
  const { items, nextToken } = page([...call.draft.state.applications.keys()], name => name, input.nextToken)
  return { applications: items, nextToken }
}

/** Renames it; its groups and deployments go with it. */
export function UpdateApplication(input: UpdateApplicationInput, call: Call): Record<string, never> {
  const { draft } = call
  const application = findApplication(draft.state, input.applicationName)
  if (input.newApplicationName === undefined || input.newApplicationName === application.name) return {}
  const applicationName = checkName('Application', input.newApplicationName)
  checkFree(draft.state, applicationName)
  for (const group of groupsOf(draft.state, application.name)) {
    draft.delete('deploymentGroups', `${application.name}/${group.name}`)
    draft.put('deploymentGroups', `${applicationName}/${group.name}`, { ...group, applicationName })
  }
  for (const deployment of historyOf(draft.state, application.name)) {
    draft.put('deployments', deployment.id, { ...deployment, applicationName })
  }
  draft.delete('applications', application.name)
  draft.put('applications', applicationName, { ...application, name: applicationName })
  return {}
}

/**
 * Its groups and its history go with it. One that is not there is deleted already. A deployment that still runs stays, so
 * that traffic is not left half moved with nobody to say so.
 */
export function DeleteApplication(input: DeleteApplicationInput, call: Call): Record<string, never> {
  const { draft } = call
  const name = checkName('Application', input.applicationName)
  for (const group of groupsOf(draft.state, name)) draft.delete('deploymentGroups', `${name}/${group.name}`)
  for (const { id, status } of historyOf(draft.state, name)) {
    if (finalStatuses.has(status)) draft.delete('deployments', id)
  }
  draft.delete('applications', name)
  return {}
}

function checkFree(state: State, name: string): void {
  if (!state.applications.has(name)) return
  throw new ApiError('ApplicationAlreadyExistsException', `Application already exists with name: ${name}`)
}

function historyOf(state: State, applicationName: string): readonly Deployment[] {
  return [...state.deployments.values()].filter(deployment => deployment.applicationName === applicationName)
}

function describe({ id, name, createdAt }: Application): ApplicationInfo {
  return {
    applicationId: id,
    applicationName: name,
    createTime: new Date(createdAt),
    linkedToGitHub: false,
    computePlatform: 'ECS',
  }
}
