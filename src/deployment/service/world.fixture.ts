import type { EcsService, ServiceLoadBalancer } from '../../domain/ecs-service.ts'
import { fixedHex } from '../../domain/fixed-hex.ts'
import {
  type DeploymentSettings,
  type LifecycleHook,
  revisionArnOf,
  revisionOf,
  type ServiceDeployment,
} from '../../domain/service-deployment.ts'
import type { Change } from '../../domain/state.ts'
import { newTaskSet, type TaskSet } from '../../domain/task-set.ts'
import { instant, type Timing } from '../../domain/timing.ts'
import { type Deployments, openDeployments } from '../runner.ts'
import { blue, green, newVersion, oldVersion, production, serviceArn, testing, World } from '../world.fixture.ts'

/*
 * The world of `world.fixture.ts`, with a service that ECS deploys itself: its first version runs in blue, and a deployment of the next
 * one was just asked for. The runner moves it.
 */

const blueGreen: DeploymentSettings = { strategy: 'BLUE_GREEN', bakeMinutes: 5, hooks: [] }

/** A hook with AWS's defaults. */
export function hook(extra: Partial<LifecycleHook>): LifecycleHook {
  const lambda = { targetType: 'AWS_LAMBDA', hookTargetArn: 'check' } as const
  return {
    ...(extra.targetType === 'PAUSE' ? {} : lambda),
    stages: ['POST_SCALE_UP'],
    timeout: { minutes: 1440, action: 'ROLLBACK' },
    targetType: 'AWS_LAMBDA',
    ...extra,
  }
}

interface Wishes {
  readonly settings?: Partial<DeploymentSettings>
  readonly deployment?: Partial<ServiceDeployment>
  /** Instead of the one behind the production and the test listener. */
  readonly loadBalancers?: readonly ServiceLoadBalancer[]
  /** The deployment is the service's first. */
  readonly isFirst?: boolean
  readonly desiredCount?: number
  readonly timing?: Timing
  /** What has happened when the runner first looks. */
  readonly before?: readonly Change[]
}

export const web: ServiceLoadBalancer = {
  targetGroupArn: blue,
  containerName: 'web',
  containerPort: 8080,
  advanced: { alternateTargetGroupArn: green, productionListenerRule: production, testListenerRule: testing },
}

export class ServiceWorld extends World {
  readonly log: string[] = []
  readonly #wishes: Wishes
  #deployments: Deployments | undefined
  #arn = ''
  #count = 0

  private constructor(wishes: Wishes) {
    super({}, { desiredCount: wishes.desiredCount ?? 2 })
    this.#wishes = wishes
  }

  static async open(wishes: Wishes = {}): Promise<ServiceWorld> {
    const world = new ServiceWorld(wishes)
    const { taskSets, deployments } = world.state
    const { loadBalancers = [web], settings, isFirst = false } = wishes
    const service: EcsService = {
      ...world.service,
      controller: 'ECS',
      loadBalancers,
      deployment: { ...blueGreen, ...settings },
    }
    const made = newTaskSet(service, fixedHex('first', 16), world.clock.now(), {
      taskDefinitionArn: isFirst ? newVersion : oldVersion,
      status: 'PRIMARY',
    })
    const revision = revisionOf(service, made, world.clock.now())
    await world.commit([
      ...[...taskSets.keys()].map(key => ({ table: 'taskSets', key }) as const),
      ...[...deployments.keys()].map(key => ({ table: 'deployments', key }) as const),
      { table: 'deploymentGroups', key: 'app/group' },
      { table: 'services', key: serviceArn, value: service },
      { table: 'taskSets', key: made.arn, value: made },
      { table: 'serviceRevisions', key: revision.arn, value: revision },
    ])
    if (isFirst) await world.#record(revision.arn, [])
    else {
      await world.turn()
      await world.update(newVersion, wishes.deployment)
    }
    await world.commit(wishes.before ?? [])
    world.restart()
    return world
  }

  /** What UpdateService does: a revision, and a deployment of it. */
  async update(taskDefinitionArn: string, extra: Partial<ServiceDeployment> = {}): Promise<void> {
    const { state, clock } = this
    const service: EcsService = { ...this.service, taskDefinitionArn }
    const hex = fixedHex(`revision ${++this.#count}`, 16)
    const set = newTaskSet(service, hex, clock.now(), { taskDefinitionArn, status: 'PRIMARY' })
    const revision = revisionOf(service, set, clock.now())
    const sources = [...state.taskSets.values()].filter(({ status }) => status !== 'DRAINING')
    await this.commit([
      { table: 'services', key: serviceArn, value: service },
      { table: 'serviceRevisions', key: revision.arn, value: revision },
    ])
    await this.#record(revision.arn, sources.map(revisionArnOf), extra)
  }

  async #record(target: string, sources: readonly string[], extra: Partial<ServiceDeployment> = {}): Promise<void> {
    const { service } = this
    const now = this.clock.now()
    const value: ServiceDeployment = {
      arn: `${serviceArn.replace(':service/', ':service-deployment/')}/${this.#count}`,
      serviceArn,
      clusterArn: service.clusterArn,
      settings: service.deployment!,
      circuitBreaker: service.circuitBreaker,
      sourceRevisionArns: sources,
      targetRevisionArn: target,
      status: 'PENDING',
      createdAt: now,
      updatedAt: now,
      hookRuns: [],
      asked: {},
      ...extra,
    }
    this.#arn = value.arn
    await this.commit([{ table: 'serviceDeployments', key: value.arn, value }])
  }

  get its(): ServiceDeployment {
    return this.state.serviceDeployments.get(this.#arn)!
  }

  async alter(change: Partial<ServiceDeployment>, arn = this.#arn): Promise<void> {
    const value = { ...this.state.serviceDeployments.get(arn)!, ...change }
    await this.commit([{ table: 'serviceDeployments', key: value.arn, value }])
  }

  /** What StopServiceDeployment does. */
  async stop(type: 'ROLLBACK' | 'ABORT' = 'ROLLBACK'): Promise<void> {
    const status = type === 'ROLLBACK' ? 'ROLLBACK_REQUESTED' : 'STOP_REQUESTED'
    await this.alter({ status, asked: { stop: { type, at: this.clock.now() } } })
  }

  /** What ContinueServiceDeployment does, for all hooks that pause. */
  async resume(status: 'SUCCEEDED' | 'FAILED' = 'SUCCEEDED'): Promise<void> {
    const hookRuns = this.its.hookRuns.map(run => (run.status === 'AWAITING_ACTION' ? { ...run, status } : run))
    await this.alter({ hookRuns })
  }

  /** `PRODUCTION_TRAFFIC_SHIFT`, or where it is over the status. */
  get place(): string {
    const { status, progress } = this.its
    return status === 'IN_PROGRESS' ? (progress?.stage ?? status) : status
  }

  /** Status and version of the task sets, the oldest first. */
  sets(): readonly string[] {
    const version = ({ status, taskDefinitionArn }: TaskSet) => `${status} ${taskDefinitionArn.split('/').at(-1)}`
    return [...this.state.taskSets.values()].map(version)
  }

  /** The control process is killed, and comes again. */
  restart(): void {
    void this.#deployments?.close()
    const { store, clock, feed, callHook: hooks } = this
    const { timing = instant } = this.#wishes
    this.#deployments = openDeployments({ store, clock, feed, hooks, timing, log: line => this.log.push(line) })
  }

  async close(): Promise<void> {
    await this.#deployments?.close()
  }

  /** Lets the runner, the scheduler and the node do what they have to, `ms` long. */
  async run(ms = 0): Promise<void> {
    await this.clock.advance(ms)
    let isBusy = true
    while (isBusy) {
      const { revision } = this.state
      isBusy = await this.turn()
      await this.clock.advance(0)
      isBusy ||= this.state.revision !== revision
    }
  }
}
