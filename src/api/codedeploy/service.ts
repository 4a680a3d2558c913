import type { Service } from '../call.ts'
import {
  BatchGetApplications,
  CreateApplication,
  DeleteApplication,
  GetApplication,
  ListApplications,
  UpdateApplication,
} from './applications.ts'
import {
  CreateDeploymentConfig,
  DeleteDeploymentConfig,
  GetDeploymentConfig,
  ListDeploymentConfigs,
} from './deployment-configs.ts'
import {
  BatchGetDeploymentGroups,
  CreateDeploymentGroup,
  DeleteDeploymentGroup,
  GetDeploymentGroup,
  ListDeploymentGroups,
  UpdateDeploymentGroup,
} from './deployment-groups.ts'
import { ContinueDeployment, PutLifecycleEventHookExecutionStatus, StopDeployment } from './deployment-requests.ts'
import { BatchGetDeploymentTargets, GetDeploymentTarget, ListDeploymentTargets } from './deployment-targets.ts'
import { BatchGetDeployments, CreateDeployment, GetDeployment, ListDeployments } from './deployments.ts'
import { GetApplicationRevision, ListApplicationRevisions } from './revisions.ts'
import { ListTagsForResource, TagResource, UntagResource } from './tags.ts'

const actions = {
  BatchGetApplications,
  BatchGetDeploymentGroups,
  BatchGetDeploymentTargets,
  BatchGetDeployments,
  ContinueDeployment,
  CreateApplication,
  CreateDeployment,
  CreateDeploymentConfig,
  CreateDeploymentGroup,
  DeleteApplication,
  DeleteDeploymentConfig,
  DeleteDeploymentGroup,
  GetApplication,
  GetApplicationRevision,
  GetDeployment,
  GetDeploymentConfig,
  GetDeploymentGroup,
  GetDeploymentTarget,
  ListApplicationRevisions,
  ListApplications,
  ListDeploymentConfigs,
  ListDeploymentGroups,
  ListDeploymentTargets,
  ListDeployments,
  ListTagsForResource,
  PutLifecycleEventHookExecutionStatus,
  StopDeployment,
  TagResource,
  UntagResource,
  UpdateApplication,
  UpdateDeploymentGroup,
}

/** CodeDeploy, as far as the compute platform ECS needs it. Each wrong member has an error of its own, which the actions know. */
export const codedeploy: Service = {
  signingName: 'codedeploy',
  version: '2014-10-06',
  protocol: 'json',
  targetPrefix: 'CodeDeploy_20141006',
  actionNames: Object.keys(actions),
  load: async () => ({ schemas: await import('@aws-sdk/client-codedeploy'), actions }),
}
