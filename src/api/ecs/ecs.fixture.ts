import assert from 'node:assert/strict'
import type {
  CreateServiceRequest,
  CreateTaskSetRequest,
  RegisterTaskDefinitionRequest,
  Service,
} from '@aws-sdk/client-ecs'
import { type ServiceDeployment, serviceDeploymentsOf } from '../../domain/service-deployment.ts'
import { applyChanges } from '../../domain/state.ts'
import type { Task } from '../../domain/task.ts'
import { Account } from '../elbv2/account.fixture.ts'
import { DescribeServices } from './describe-services.ts'
import { CreateService } from './services.ts'
import { RegisterTaskDefinition } from './task-definitions.ts'
import { CreateTaskSet } from './task-sets.ts'

/** An account with a load balancer that forwards to a target group, and what services need beside it. */
export class EcsAccount extends Account {
  readonly group = this.targetGroup({ Name: 'blue', Protocol: 'TCP', Port: 80 })
  readonly listenerArn = this.listener(this.loadBalancer(), this.group, { Protocol: 'TCP', Port: 80 })
  readonly loadBalancers = [{ targetGroupArn: this.group, containerName: 'web', containerPort: 80 }]

  /** A revision of `web`, a container `web` that has port 80; answers its ARN. */
  definition(input: Partial<RegisterTaskDefinitionRequest> = {}): string {
    const output = this.run(RegisterTaskDefinition, {
      family: 'web',
      containerDefinitions: [{ name: 'web', image: 'nginx', portMappings: [{ containerPort: 80 }] }],
      ...input,
    })
    return output.taskDefinition?.taskDefinitionArn ?? assert.fail()
  }

  /** A service `web` of three tasks of the family `web`, which is registered if it is not there. */
  service(input: Partial<CreateServiceRequest> = {}): Service {
    if (this.state.taskDefinitions.size === 0) this.definition()
    const isExternal = input.deploymentController?.type === 'EXTERNAL'
    const output = this.run(CreateService, {
      serviceName: 'web',
      desiredCount: 3,
      ...(isExternal ? {} : { taskDefinition: 'web' }),
      ...(input.deploymentController?.type === 'CODE_DEPLOY' ? { loadBalancers: this.loadBalancers } : {}),
      ...input,
    })
    return output.service ?? assert.fail()
  }

  /** A service `web` that deploys BLUE_GREEN behind the Network Load Balancer, with a test listener on port 81 of its own. */
  shiftingService(input: Partial<CreateServiceRequest> = {}): Service {
    const [{ loadBalancerArn = '' } = {}] = this.state.listeners.values()
    const alternateTargetGroupArn = this.targetGroup({ Name: 'green', Protocol: 'TCP', Port: 80 })
    const testListenerRule = this.listener(loadBalancerArn, alternateTargetGroupArn, { Protocol: 'TCP', Port: 81 })
    const advancedConfiguration = {
      alternateTargetGroupArn,
      productionListenerRule: this.listenerArn,
      testListenerRule,
      roleArn: 'arn:aws:iam::000000000000:role/ecs',
    }
    return this.service({
      loadBalancers: this.loadBalancers.map(its => ({ ...its, advancedConfiguration })),
      deploymentConfiguration: { strategy: 'BLUE_GREEN', bakeTimeInMinutes: 0 },
      ...input,
    })
  }

  /** Changes the newest deployment of the service `web`, as who moves it does. */
  moveDeployment(change: Partial<ServiceDeployment>): ServiceDeployment {
    const [newest = assert.fail()] = serviceDeploymentsOf(this.state, this.described().serviceArn ?? '')
    const value = { ...newest, ...change }
    this.change({ table: 'serviceDeployments', key: value.arn, value })
    return value
  }

  /** A task set of the service `web`; answers its ARN. */
  taskSet(input: Partial<CreateTaskSetRequest> = {}): string {
    const wanted = { cluster: 'default', service: 'web', taskDefinition: 'web', ...input }
    return this.run(CreateTaskSet, wanted).taskSet?.taskSetArn ?? assert.fail()
  }

  described(name = 'web'): Service {
    return this.run(DescribeServices, { services: [name] }).services?.[0] ?? assert.fail()
  }

  /** Puts a task as the scheduler does: of a task set, and in `lastStatus`. */
  putTask(taskSetArn: string, lastStatus: Task['lastStatus'], more: Partial<Task> = {}): Task {
    const taskSet = this.state.taskSets.get(taskSetArn) ?? assert.fail()
    const id = String(this.state.tasks.size + 1).padStart(32, '0')
    const task: Task = {
      arn: taskSet.clusterArn.replace(':cluster/', ':task/').concat(`/${id}`),
      clusterArn: taskSet.clusterArn,
      taskDefinitionArn: taskSet.taskDefinitionArn,
      group: 'service:web',
      taskSetArn,
      startedBy: taskSet.id,
      desiredStatus: lastStatus === 'STOPPED' ? 'STOPPED' : 'RUNNING',
      lastStatus,
      healthStatus: 'UNKNOWN',
      createdAt: this.now,
      recorded: taskSet.recorded,
      tags: [],
      ...more,
    }
    this.change({ table: 'tasks', key: task.arn, value: task })
    return task
  }

  change(...changes: Parameters<typeof applyChanges>[2]): void {
    this.state = applyChanges(this.state, this.state.revision + 1, changes)
  }
}
