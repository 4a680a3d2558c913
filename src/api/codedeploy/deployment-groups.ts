import type {
  BatchGetDeploymentGroupsInput,
  BatchGetDeploymentGroupsOutput,
  CreateDeploymentGroupInput,
  CreateDeploymentGroupOutput,
  DeleteDeploymentGroupInput,
  DeleteDeploymentGroupOutput,
  DeploymentGroupInfo,
  GetDeploymentGroupInput,
  GetDeploymentGroupOutput,
  LastDeploymentInfo,
  ListDeploymentGroupsInput,
  ListDeploymentGroupsOutput,
  UpdateDeploymentGroupInput,
  UpdateDeploymentGroupOutput,
} from '@aws-sdk/client-codedeploy'
import type { Deployment, DeploymentGroup } from '../../domain/code-deploy.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { changedSettings, firstSettings } from './deployment-group-settings.ts'
import {
  checkBatch,
  checkName,
  deploymentsOf,
  findApplication,
  findDeploymentGroup,
  groupsOf,
  lastDeployed,
  page,
} from './resources.ts'
import { describeRevision } from './revisions.ts'
import { tagsIn } from './tags.ts'

export function CreateDeploymentGroup(input: CreateDeploymentGroupInput, call: Call): CreateDeploymentGroupOutput {
  const { name: applicationName } = findApplication(call.draft.state, input.applicationName)
  const name = checkName('DeploymentGroup', input.deploymentGroupName)
  checkFree(call, applicationName, name)
  const group: DeploymentGroup = {
    id: call.uuid(),
    name,
    applicationName,
    ...firstSettings(input, call),
    createdAt: call.now,
    tags: tagsIn(input.tags),
  }
  call.draft.put('deploymentGroups', `${applicationName}/${name}`, group)
  return { deploymentGroupId: group.id }
}

/** What is given replaces what was; deployments that run go on with what they began with. */
export function UpdateDeploymentGroup(input: UpdateDeploymentGroupInput, call: Call): UpdateDeploymentGroupOutput {
  const { draft } = call
  const group = findDeploymentGroup(draft.state, input.applicationName, input.currentDeploymentGroupName)
  const { id, applicationName, createdAt, tags } = group
  const name = input.newDeploymentGroupName ?? group.name
  const changed: DeploymentGroup = {
    id,
    name,
    applicationName,
    ...changedSettings(group, input, call),
    createdAt,
    tags,
  }
  if (name !== group.name) {
    checkFree(call, applicationName, checkName('DeploymentGroup', name))
    for (const deployment of deploymentsOf(draft.state, group)) {
      draft.put('deployments', deployment.id, { ...deployment, deploymentGroupName: name })
    }
    draft.delete('deploymentGroups', `${applicationName}/${group.name}`)
  }
  draft.put('deploymentGroups', `${applicationName}/${name}`, changed)
  return { hooksNotCleanedUp: [] }
}

export function GetDeploymentGroup(input: GetDeploymentGroupInput, call: Call): GetDeploymentGroupOutput {
  const group = findDeploymentGroup(call.draft.state, input.applicationName, input.deploymentGroupName)
  return { deploymentGroupInfo: describe(group, call) }
}

/** Those that are there; of the others the message tells (AWS: BatchGetDeploymentGroups lists no DoesNotExist for groups). */
export function BatchGetDeploymentGroups(
  input: BatchGetDeploymentGroupsInput,
  call: Call,
): BatchGetDeploymentGroupsOutput {
  const { state } = call.draft
  const application = findApplication(state, input.applicationName)
  if (!input.deploymentGroupNames?.length) checkName('DeploymentGroup', undefined)
  checkBatch(input.deploymentGroupNames, 100)
  const names = (input.deploymentGroupNames ?? []).map(name => checkName('DeploymentGroup', name))
  const missing = names.filter(name => !state.deploymentGroups.has(`${application.name}/${name}`))
  return {
    deploymentGroupsInfo: names
      .filter(name => !missing.includes(name))
      .map(name => describe(findDeploymentGroup(state, application.name, name), call)),
    ...(missing.length > 0 && { errorMessage: `No Deployment Group found for name: ${missing.join(', ')}` }),
  }
}

export function ListDeploymentGroups(input: ListDeploymentGroupsInput, call: Call): ListDeploymentGroupsOutput {
  const { name } = findApplication(call.draft.state, input.applicationName)
  const names = groupsOf(call.draft.state, name).map(group => group.name)
  const { items, nextToken } = page(names, each => each, input.nextToken)
  return { applicationName: name, deploymentGroups: items, nextToken }
}

/** One that is not there is deleted already. Its deployments stay to be looked at. */
export function DeleteDeploymentGroup(input: DeleteDeploymentGroupInput, call: Call): DeleteDeploymentGroupOutput {
  const application = checkName('Application', input.applicationName)
  const name = checkName('DeploymentGroup', input.deploymentGroupName)
  call.draft.delete('deploymentGroups', `${application}/${name}`)
  return { hooksNotCleanedUp: [] }
}

/** What a deployment of this group shows of it, too. */
export function describeRouting(group: DeploymentGroup) {
  const route = (arn: string | undefined) => (arn === undefined ? undefined : { listenerArns: [arn] })
  return {
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: group.targetGroupPair.map(name => ({ name })),
          prodTrafficRoute: route(group.productionListenerArn),
          testTrafficRoute: route(group.testListenerArn),
        },
      ],
    },
  }
}

/** Members that deployments have of their group. Both waiting times are always said: `aws ecs deploy` reads them. */
export function describeOptions({ readyOption, termination }: Pick<DeploymentGroup, 'readyOption' | 'termination'>) {
  return {
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    blueGreenDeploymentConfiguration: {
      terminateBlueInstancesOnDeploymentSuccess: {
        action: termination.action,
        terminationWaitTimeInMinutes: termination.waitMinutes,
      },
      deploymentReadyOption: { actionOnTimeout: readyOption.action, waitTimeInMinutes: readyOption.waitMinutes },
    },
  } as const
}

function describe(group: DeploymentGroup, call: Call): DeploymentGroupInfo {
  const deployments = deploymentsOf(call.draft.state, group)
  const deployed = lastDeployed(deployments)
  const succeeded = deployments.find(deployment => deployment.status === 'Succeeded')
  return {
    applicationName: group.applicationName,
    deploymentGroupId: group.id,
    deploymentGroupName: group.name,
    deploymentConfigName: group.deploymentConfigName,
    ec2TagFilters: [],
    onPremisesInstanceTagFilters: [],
    autoScalingGroups: [],
    serviceRoleArn: group.serviceRoleArn,
    targetRevision: deployed && describeRevision(deployed.revision),
    triggerConfigurations: [],
    ...group.recorded,
    ...describeOptions(group),
    ...describeRouting(group),
    lastSuccessfulDeployment: last(succeeded),
    lastAttemptedDeployment: last(deployments[0]),
    computePlatform: 'ECS',
    ecsServices: [{ clusterName: group.clusterName, serviceName: group.serviceName }],
    terminationHookEnabled: false,
  }
}

function last(deployment: Deployment | undefined): LastDeploymentInfo | undefined {
  if (deployment === undefined) return undefined
  const { id, status, createdAt, completedAt } = deployment
  return {
    deploymentId: id,
    status,
    createTime: new Date(createdAt),
    endTime: completedAt === undefined ? undefined : new Date(completedAt),
  }
}

function checkFree({ draft }: Call, applicationName: string, name: string): void {
  if (!draft.state.deploymentGroups.has(`${applicationName}/${name}`)) return
  throw new ApiError('DeploymentGroupAlreadyExistsException', `Deployment Group already exists with name: ${name}`)
}
