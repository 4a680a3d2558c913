import type { Application, Deployment, DeploymentGroup } from '../../domain/code-deploy.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { pageOf } from '../paging.ts'

type Named = 'Application' | 'DeploymentGroup' | 'DeploymentConfig'

const words: Readonly<Record<Named, string>> = {
  Application: 'application',
  DeploymentGroup: 'deployment group',
  DeploymentConfig: 'deployment configuration',
}

/**
 * A name as CodeDeploy allows it: 1-100 letters, digits and `+=,.@_-`.
 * Throws `...NameRequiredException` or `Invalid...NameException`.
 */
export function checkName(noun: Named, name: string | undefined): string {
  if (name === undefined || name === '') {
    throw new ApiError(`${noun}NameRequiredException`, `The ${words[noun]} name is required`)
  }
  if (!/^[\w+=,.@-]{1,100}$/.test(name)) {
    throw new ApiError(
      `Invalid${noun}NameException`,
      `The ${words[noun]} name '${name}' is not valid: it has 1 to 100 letters, digits and + = , . @ _ -`,
    )
  }
  return name
}

/** Throws ApplicationDoesNotExistException, or what `checkName` throws. */
export function findApplication(state: State, name: string | undefined): Application {
  const found = state.applications.get(checkName('Application', name))
  if (found === undefined) {
    throw new ApiError('ApplicationDoesNotExistException', `No application found for name: ${name}`)
  }
  return found
}

/** Throws if the application or the group is not there. */
export function findDeploymentGroup(
  state: State,
  applicationName: string | undefined,
  name: string | undefined,
): DeploymentGroup {
  const application = findApplication(state, applicationName)
  const found = state.deploymentGroups.get(`${application.name}/${checkName('DeploymentGroup', name)}`)
  if (found === undefined) {
    throw new ApiError('DeploymentGroupDoesNotExistException', `No Deployment Group found for name: ${name}`)
  }
  return found
}

/** Throws DeploymentIdRequiredException, InvalidDeploymentIdException or DeploymentDoesNotExistException. */
export function findDeployment(state: State, id: string | undefined): Deployment {
  const found = state.deployments.get(checkDeploymentId(id))
  if (found === undefined) {
    throw new ApiError('DeploymentDoesNotExistException', `The deployment ${id} could not be found`)
  }
  return found
}

export function checkDeploymentId(id: string | undefined): string {
  if (id === undefined || id === '')
    throw new ApiError('DeploymentIdRequiredException', 'The deployment ID is required')
  if (!/^d-[A-Z0-9]{9}$/.test(id)) throw new ApiError('InvalidDeploymentIdException', `Invalid deployment ID: ${id}`)
  return id
}

export function groupsOf(state: State, applicationName: string): readonly DeploymentGroup[] {
  return [...state.deploymentGroups.values()].filter(group => group.applicationName === applicationName)
}

/** Newest first. */
export function deploymentsOf(state: State, group: DeploymentGroup): readonly Deployment[] {
  return [...state.deployments.values()]
    .filter(its => its.applicationName === group.applicationName && its.deploymentGroupName === group.name)
    .sort((a, b) => b.createdAt - a.createdAt)
}

/**
 * The one whose revision serves, of deployments newest first. Not a rollback's record: it has the revision of an earlier one, and where there
 * is none that of the very deployment that it took back.
 */
export function lastDeployed(deployments: readonly Deployment[]): Deployment | undefined {
  return deployments.find(({ status, creator }) => status === 'Succeeded' && creator === 'user')
}

/** Of the ECS service that a group deploys, be it there or not. */
export function serviceArnOf(call: Call, group: Pick<DeploymentGroup, 'clusterName' | 'serviceName'>): string {
  return `arn:aws:ecs:${call.region}:${call.account}:service/${group.clusterName}/${group.serviceName}`
}

/** Throws if a batch names more than `limit` items. */
export function checkBatch(names: readonly string[] | undefined, limit: number): void {
  if (names !== undefined && names.length > limit) {
    throw new ApiError('BatchLimitExceededException', `The maximum number of names or IDs for this request is ${limit}`)
  }
}

/** Throws unless the compute platform is ECS, the only one here; the SDK's default is Server. */
export function checkComputePlatform(platform: string | undefined): void {
  if (platform === 'ECS') return
  throw new ApiError(
    'InvalidComputePlatformException',
    platform === undefined || platform === 'Server' || platform === 'Lambda'
      ? `The compute platform ${platform ?? 'Server'} is not offered here; specify ECS`
      : 'The computePlatform is invalid. The computePlatform should be Lambda, Server, or ECS.',
  )
}

/** One page of a List action, which has no page size of its own in CodeDeploy. */
export function page<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  token: string | undefined,
): { items: Item[]; nextToken: string | undefined } {
  const { items: found, next } = pageOf(
    items,
    keyOf,
    { size: 100, token },
    () => new ApiError('InvalidNextTokenException', 'The next token was specified in an invalid format.'),
  )
  return { items: found, nextToken: next }
}
