/** A service in two colours behind a load balancer, as CodeDeploy or ECS deploys it; sound, but for what a test changes. */
import type { Alarm } from '../domain/alarm.ts'
import type { DeploymentGroup } from '../domain/code-deploy.ts'
import type { Listener, LoadBalancer } from '../domain/load-balancer.ts'
import type { DeploymentSettings } from '../domain/service-deployment.ts'
import { listener, loadBalancer, now, securityGroup, stateWith, targetGroup } from '../domain/state.fixture.ts'
import { applyChanges, type Change, emptyState, type State } from '../domain/state.ts'
import type { TargetGroup } from '../domain/target-group.ts'
import { ecsState, service, serviceArn, taskSet } from '../tasks/service.fixture.ts'
import type { Finding } from './finding.ts'
import { findingsOf } from './findings.ts'

const prefix = 'arn:aws:elasticloadbalancing:us-east-1:000000000000'
export const balancerArn = `${prefix}:loadbalancer/net/shop/50dc6c495c0c9188`
export const blueArn = `${prefix}:targetgroup/blue/1111111111111111`
export const greenArn = `${prefix}:targetgroup/green/2222222222222222`
export const productionArn = `${prefix}:listener/net/shop/50dc6c495c0c9188/1111111111111111`
export const testArn = `${prefix}:listener/net/shop/50dc6c495c0c9188/2222222222222222`
export const dummyArn = `${prefix}:listener/net/shop/50dc6c495c0c9188/3333333333333333`

export interface Wishes {
  readonly balancer?: Partial<LoadBalancer>
  readonly production?: Partial<Listener>
  readonly test?: Partial<Listener>
  /** `false`: there is none. */
  readonly dummy?: Partial<Listener> | false
  readonly blue?: Partial<TargetGroup>
  readonly green?: Partial<TargetGroup>
  /** Of CodeDeploy's deployment group. */
  readonly group?: Partial<DeploymentGroup>
  /** ECS's own deployments instead of CodeDeploy's. */
  readonly settings?: Partial<DeploymentSettings>
  readonly alarms?: readonly Partial<Alarm>[]
  readonly changes?: readonly Change[]
}

/** TCP 80 for production, 8080 for tests, 10000 as the dummy; one security group that admits everyone to 80 alone. */
export function design(wishes: Wishes = {}): State {
  const { settings, dummy, alarms = [], changes = [] } = wishes
  const on = (arn: string) => [{ targetGroupArn: arn, weight: 1 }]
  const its = { loadBalancerArn: balancerArn, forward: on(blueArn) }
  const ecs = ecsState({
    services: [service({ loadBalancers: [inBlue(settings !== undefined)], ...controller(settings) })],
    taskSets: [taskSet(1, { loadBalancers: [inBlue(false)] })],
  })
  const base = stateWith(
    {
      loadBalancers: [
        loadBalancer({
          arn: balancerArn,
          name: 'shop',
          scheme: 'internet-facing',
          securityGroups: ['sg-1'],
          ...wishes.balancer,
        }),
      ],
      securityGroups: [securityGroup('sg-1', [['tcp 80-80', { cidrIpv4: '0.0.0.0/0' }]])],
      listeners: [
        listener({ ...its, arn: productionArn, port: 80, ...wishes.production }),
        listener({ ...its, arn: testArn, port: 8080, ...wishes.test }),
        ...(dummy === false
          ? []
          : [
              listener({
                ...its,
                arn: dummyArn,
                port: 10_000,
                forward: [...on(blueArn), ...on(greenArn)],
                ...dummy,
              }),
            ]),
      ],
      targetGroups: [
        targetGroup({ arn: blueArn, name: 'blue', ...wishes.blue }),
        targetGroup({ arn: greenArn, name: 'green', ...wishes.green }),
      ],
    },
    { ...emptyState, services: ecs.services, taskSets: ecs.taskSets, taskDefinitions: ecs.taskDefinitions },
  )
  const records: Change[] = alarms.map(alarm => {
    const value = alarmOf(alarm)
    return { table: 'alarms', key: value.name, value }
  })
  const group = { table: 'deploymentGroups', key: 'shop/shop', value: deploymentGroup(wishes.group) } as const
  return applyChanges(base, base.revision + 1, [...(settings === undefined ? [group] : []), ...records, ...changes])
}

/** The ids of what is found, each once. */
export function idsOf(wishes: Wishes): readonly string[] {
  return [...new Set(findingsOf(design(wishes)).map(({ id }) => id))]
}

/** What is found of this kind; one at least. */
export function found(id: string, wishes: Wishes): Finding {
  const finding = findingsOf(design(wishes)).find(its => its.id === id)
  if (finding === undefined) throw new Error(`no finding ${id} but ${idsOf(wishes)}`)
  return finding
}

function inBlue(isPair: boolean) {
  return {
    targetGroupArn: blueArn,
    containerName: 'web',
    containerPort: 8080,
    ...(isPair && {
      advanced: {
        alternateTargetGroupArn: greenArn,
        productionListenerRule: productionArn,
        testListenerRule: testArn,
      },
    }),
  }
}

function controller(settings: Partial<DeploymentSettings> | undefined) {
  if (settings === undefined) return { controller: 'CODE_DEPLOY' } as const
  return {
    controller: 'ECS',
    deployment: { strategy: 'BLUE_GREEN', bakeMinutes: 5, hooks: [], ...settings },
  } as const
}

function deploymentGroup(extra: Partial<DeploymentGroup> = {}): DeploymentGroup {
  return {
    id: 'group',
    name: 'shop',
    applicationName: 'shop',
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    serviceRoleArn: 'arn:aws:iam::000000000000:role/deployer',
    clusterName: 'default',
    serviceName: serviceArn.split('/').at(-1)!,
    targetGroupPair: ['blue', 'green'],
    productionListenerArn: productionArn,
    testListenerArn: testArn,
    readyOption: { action: 'CONTINUE_DEPLOYMENT', waitMinutes: 0 },
    termination: { action: 'TERMINATE', waitMinutes: 5 },
    autoRollback: ['DEPLOYMENT_FAILURE'],
    alarms: { names: [], ignorePollAlarmFailure: false },
    recorded: {},
    createdAt: now,
    tags: [],
    ...extra,
  }
}

function alarmOf(extra: Partial<Alarm>): Alarm {
  const name = extra.name ?? 'shop-ill'
  return {
    arn: `arn:aws:cloudwatch:us-east-1:000000000000:alarm:${name}`,
    name,
    namespace: 'AWS/NetworkELB',
    metricName: 'UnHealthyHostCount',
    dimensions: {},
    statistic: 'Maximum',
    periodSeconds: 60,
    evaluationPeriods: 1,
    datapointsToAlarm: 1,
    threshold: 1,
    comparison: 'GreaterThanThreshold',
    treatMissingData: 'missing',
    state: 'OK',
    stateReason: '',
    stateUpdatedAt: now,
    updatedAt: now,
    recorded: {},
    tags: [],
    ...extra,
  }
}
