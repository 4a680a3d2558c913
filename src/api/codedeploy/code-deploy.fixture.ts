import type { CreateDeploymentGroupInput, CreateDeploymentInput } from '@aws-sdk/client-codedeploy'
import type { Deployment } from '../../domain/code-deploy.ts'
import type { EcsService } from '../../domain/ecs-service.ts'
import { applyChanges, type Change } from '../../domain/state.ts'
import type { TaskDefinition } from '../../domain/task-definition.ts'
import { newTaskSet, type TaskSet } from '../../domain/task-set.ts'
import { Account } from '../elbv2/account.fixture.ts'
import { CreateApplication } from './applications.ts'
import { CreateDeploymentGroup } from './deployment-groups.ts'
import { CreateDeployment, GetDeployment } from './deployments.ts'

export const serviceRoleArn = 'arn:aws:iam::000000000000:role/deployer'
export const taskDefinitionArn = 'arn:aws:ecs:us-east-1:000000000000:task-definition/hello:2'

/** An AppSpec that deploys `hello:2`; `more` is appended. */
export function appSpec(more = ''): string {
  return `
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: ${taskDefinitionArn}
        LoadBalancerInfo: { ContainerName: web, ContainerPort: 9000 }
${more}`
}

/**
 * An account that is ready for a deployment: a load balancer with a production and a test listener on the group `blue`, a
 * second group `green`, the task definition hello:2 with the port 9000 of its container `web`, and the service `web` of the
 * cluster `main`, whose primary task set is in `blue`.
 */
export class DeployAccount extends Account {
  readonly loadBalancerArn = this.loadBalancer()
  readonly blueArn = this.targetGroup({ Name: 'blue' })
  readonly greenArn = this.targetGroup({ Name: 'green' })
  readonly productionArn = this.listener(this.loadBalancerArn, this.blueArn)
  readonly testArn = this.listener(this.loadBalancerArn, this.blueArn, { Port: 8081 })
  readonly service = this.ecsService('web')
  readonly primary = newTaskSet(this.service, '1'.repeat(16), this.now, { taskDefinitionArn, status: 'PRIMARY' })

  constructor() {
    super()
    this.put(
      { table: 'taskDefinitions', key: taskDefinitionArn, value: definition },
      { table: 'taskSets', key: this.primary.arn, value: this.primary },
    )
  }

  put(...changes: readonly Change[]): void {
    this.state = applyChanges(this.state, this.state.revision + 1, changes)
  }

  /** Puts a service into the cluster `main`. */
  ecsService(name: string, extra: Partial<EcsService> = {}): EcsService {
    const service: EcsService = {
      arn: `arn:aws:ecs:us-east-1:000000000000:service/main/${name}`,
      name,
      clusterArn: 'arn:aws:ecs:us-east-1:000000000000:cluster/main',
      status: 'ACTIVE',
      controller: 'CODE_DEPLOY',
      desiredCount: 2,
      taskDefinitionArn: taskDefinitionArn.replace(':2', ':1'),
      loadBalancers: [{ targetGroupArn: this.blueArn, containerName: 'web', containerPort: 9000 }],
      minimumHealthyPercent: 100,
      maximumPercent: 200,
      circuitBreaker: { enable: false, rollback: false },
      healthCheckGraceSeconds: 0,
      recorded: {},
      createdAt: this.now,
      events: [],
      tags: [],
      ...extra,
    }
    this.put({ table: 'services', key: service.arn, value: service })
    return service
  }

  application(name = 'app'): void {
    this.run(CreateApplication, { applicationName: name, computePlatform: 'ECS' })
  }

  groupInput(input: Partial<CreateDeploymentGroupInput> = {}): CreateDeploymentGroupInput {
    return {
      applicationName: 'app',
      deploymentGroupName: 'group',
      serviceRoleArn,
      deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
      ecsServices: [{ clusterName: 'main', serviceName: 'web' }],
      loadBalancerInfo: {
        targetGroupPairInfoList: [
          {
            targetGroups: [{ name: 'blue' }, { name: 'green' }],
            prodTrafficRoute: { listenerArns: [this.productionArn] },
            testTrafficRoute: { listenerArns: [this.testArn] },
          },
        ],
      },
      ...input,
    }
  }

  /** Creates a deployment group; answers its id. */
  group(input: Partial<CreateDeploymentGroupInput> = {}): string {
    return this.run(CreateDeploymentGroup, this.groupInput(input)).deploymentGroupId ?? ''
  }

  /** Creates a deployment of `hello:2`; answers its id. */
  deploy(input: Partial<CreateDeploymentInput> = {}): string {
    const revision = { revisionType: 'AppSpecContent', appSpecContent: { content: appSpec() } } as const
    const asked = { applicationName: 'app', deploymentGroupName: 'group', revision, ...input }
    return this.run(CreateDeployment, asked).deploymentId ?? ''
  }

  deployment(id: string): Deployment {
    return this.state.deployments.get(id) ?? never(id)
  }

  describe(id: string) {
    return this.run(GetDeployment, { deploymentId: id }).deploymentInfo ?? never(id)
  }

  /** Puts a deployment where the deployment engine would have brought it. */
  advance(id: string, change: Partial<Deployment>): void {
    this.put({ table: 'deployments', key: id, value: { ...this.deployment(id), ...change } })
  }

  /** Gives a deployment its plan and its green task set, and answers that. */
  plan(id: string): TaskSet {
    const loadBalancers = [{ targetGroupArn: this.greenArn, containerName: 'web', containerPort: 9000 }]
    const settings = { taskDefinitionArn, status: 'ACTIVE', loadBalancers, externalId: id } as const
    const green = newTaskSet(this.service, '2'.repeat(16), this.now, settings)
    this.put({ table: 'taskSets', key: green.arn, value: green })
    const plan = {
      serviceArn: this.service.arn,
      productionListenerArn: this.productionArn,
      testListenerArn: this.testArn,
      blueTaskSetArn: this.primary.arn,
      greenTaskSetArn: green.arn,
      blueTargetGroupArn: this.blueArn,
      greenTargetGroupArn: this.greenArn,
    }
    this.advance(id, { status: 'InProgress', progress: { step: 'Install', since: this.now, shifted: 0, plan } })
    return green
  }
}

const definition: TaskDefinition = {
  arn: taskDefinitionArn,
  family: 'hello',
  revision: 2,
  status: 'ACTIVE',
  containers: [
    {
      name: 'web',
      image: 'hello:2',
      entryPoint: [],
      command: [],
      environment: {},
      portMappings: [{ containerPort: 9000, protocol: 'udp' }],
      stopTimeoutMs: 30_000,
    },
  ],
  registered: {},
  registeredAt: 0,
  tags: [],
}

function never(id: string): never {
  throw new Error(`there is no deployment ${id}`)
}
