import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dimensionOf, type Metric, metricKey, metricsOf, statisticOf, subjectOf } from './metric.ts'
import {
  applicationLoadBalancer,
  httpListener,
  listener,
  loadBalancer,
  stateWith,
  targetGroup,
} from './state.fixture.ts'

const [groupArn, idleArn] = ['blue/1', 'idle/2'].map(
  name => `arn:aws:elasticloadbalancing:us-east-1:0:targetgroup/${name}`,
)
const loadBalancerArn = 'arn:aws:elasticloadbalancing:us-east-1:0:loadbalancer/net/lb/3'
const state = stateWith({
  loadBalancers: [loadBalancer({ arn: loadBalancerArn })],
  targetGroups: [targetGroup({ arn: groupArn ?? '' }), targetGroup({ arn: idleArn ?? '' })],
  listeners: [listener({ loadBalancerArn, forward: [{ targetGroupArn: groupArn ?? '', weight: 0 }] })],
})
const ofGroup = { TargetGroup: 'targetgroup/blue/1', LoadBalancer: 'net/lb/3' }

test('dimensions are the ends of ARNs, in AWS’s forms', () => {
  assert.equal(dimensionOf(groupArn ?? ''), ofGroup.TargetGroup)
  assert.equal(dimensionOf(loadBalancerArn), ofGroup.LoadBalancer)
})

test('there are seven metrics of each target group in use, and four of each load balancer', () => {
  const all = metricsOf(state)
  assert.equal(all.filter(({ dimensions }) => dimensions.TargetGroup === ofGroup.TargetGroup).length, 7)
  assert.equal(all.length, 11)
  for (const metric of all) {
    const subject = subjectOf(state, metric)
    assert.equal(subject?.loadBalancer.arn, loadBalancerArn)
    assert.equal(subject?.group?.arn, metric.dimensions.TargetGroup && groupArn)
  }
})

test('an Application Load Balancer has those of its namespace, its own errors not by target group', () => {
  const site = applicationLoadBalancer()
  const both = stateWith({
    loadBalancers: [loadBalancer({ arn: loadBalancerArn }), site],
    targetGroups: [targetGroup({ arn: groupArn ?? '', protocol: 'HTTP' })],
    listeners: [httpListener({ forward: [{ targetGroupArn: groupArn ?? '', weight: 1 }] })],
  })
  const names = (ofWhat: (metric: Metric) => boolean) =>
    metricsOf(both)
      .filter(ofWhat)
      .map(({ namespace, name }) => `${namespace} ${name}`)
  const isOfSite = ({ dimensions }: Metric) => dimensions.LoadBalancer === dimensionOf(site.arn)
  assert.deepEqual(
    names(metric => isOfSite(metric) && metric.dimensions.TargetGroup !== undefined),
    [
      'AWS/ApplicationELB HealthyHostCount',
      'AWS/ApplicationELB UnHealthyHostCount',
      'AWS/ApplicationELB RequestCount',
      'AWS/ApplicationELB HTTPCode_Target_5XX_Count',
      'AWS/ApplicationELB TargetResponseTime',
      'Sluice RefusedShare',
      'Sluice ConnectLatency',
    ],
  )
  assert.deepEqual(
    names(metric => isOfSite(metric) && metric.dimensions.TargetGroup === undefined),
    [
      'AWS/ApplicationELB RequestCount',
      'AWS/ApplicationELB HTTPCode_Target_5XX_Count',
      'AWS/ApplicationELB HTTPCode_ELB_5XX_Count',
      'AWS/ApplicationELB TargetResponseTime',
      'Sluice RefusedShare',
    ],
  )
  for (const metric of metricsOf(both)) assert.ok(subjectOf(both, metric), metricKey(metric))
  const errors = { namespace: 'AWS/ApplicationELB', name: 'HTTPCode_ELB_5XX_Count' }
  const dimensions = { ...ofGroup, LoadBalancer: dimensionOf(site.arn) }
  assert.equal(subjectOf(both, { ...errors, dimensions }), undefined)
})

for (const [what, metric] of [
  ['another namespace', { namespace: 'AWS/ApplicationELB', name: 'HealthyHostCount', dimensions: ofGroup }],
  ['another name', { namespace: 'AWS/NetworkELB', name: 'toString', dimensions: ofGroup }],
  ['a namespace of no service', { namespace: 'constructor', name: 'name', dimensions: ofGroup }],
  ['a name of the other namespace', { namespace: 'Sluice', name: 'HealthyHostCount', dimensions: ofGroup }],
  [
    'hosts of a whole load balancer',
    { namespace: 'AWS/NetworkELB', name: 'HealthyHostCount', dimensions: { LoadBalancer: 'net/lb/3' } },
  ],
  [
    'a group without its load balancer',
    { namespace: 'AWS/NetworkELB', name: 'HealthyHostCount', dimensions: { TargetGroup: 'targetgroup/blue/1' } },
  ],
  [
    'a group that is not in use',
    {
      namespace: 'AWS/NetworkELB',
      name: 'HealthyHostCount',
      dimensions: { ...ofGroup, TargetGroup: 'targetgroup/idle/2' },
    },
  ],
  [
    'a dimension too many',
    {
      namespace: 'AWS/NetworkELB',
      name: 'HealthyHostCount',
      dimensions: { ...ofGroup, AvailabilityZone: 'us-east-1a' },
    },
  ],
] as const) {
  test(`a metric of ${what} is about nothing`, () => assert.equal(subjectOf(state, metric), undefined))
}

test('one metric has one key, whatever the order of its dimensions', () => {
  const turned = Object.fromEntries(Object.entries(ofGroup).reverse())
  const of = (dimensions: Readonly<Record<string, string>>) => metricKey({ namespace: 'a', name: 'b', dimensions })
  assert.equal(of(turned), of(ofGroup))
  assert.notEqual(of({ TargetGroup: 'a' }), of({ LoadBalancer: 'a' }))
})

test('the average is the sum by the number of samples', () => {
  assert.equal(statisticOf('Average', { at: 0, sampleCount: 4, sum: 10, minimum: 1, maximum: 6 }), 2.5)
})
