import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  applicationLoadBalancer,
  health,
  httpListener,
  listener,
  loadBalancer,
  now,
  stateWith,
  target,
  targetGroup,
} from '../domain/state.fixture.ts'
import { targetKey } from '../domain/target-group.ts'
import { flowCounters, httpCounters, httpTarget } from './counters.fixture.ts'
import { lint } from './lint.fixture.ts'
import { type Known, metricsPage } from './page.ts'

const arn = 'arn:aws:elasticloadbalancing:us-east-1:000000000000'
const [webArn, dnsArn] = [`${arn}:targetgroup/web/1`, `${arn}:targetgroup/dns/2`]
const balancer = loadBalancer({ arn: `${arn}:loadbalancer/net/lb/3` })
const state = stateWith({
  loadBalancers: [balancer, applicationLoadBalancer()],
  listeners: [
    listener({ loadBalancerArn: balancer.arn, forward: [{ targetGroupArn: dnsArn, weight: 1 }] }),
    httpListener({ port: 443, protocol: 'HTTPS', forward: [{ targetGroupArn: webArn, weight: 1 }] }),
  ],
  targetGroups: [
    targetGroup({ arn: webArn, protocol: 'HTTP', targets: [target('10.0.1.20'), target('10.0.1.21')] }),
    targetGroup({ arn: dnsArn, targets: [target('10.0.1.30')] }),
    targetGroup({ arn: `${arn}:targetgroup/idle/4` }),
  ],
})
const alb = 'load_balancer="app/site/50dc6c495c0c9188"'
const site = `{${alb},listener="HTTPS:443"}`
const web = `${alb},target_group="targetgroup/web/1"`

const silent: Known = {
  version: '1.2.3',
  nodeConnected: false,
  applied: undefined,
  listeners: new Map(),
  groups: new Map(),
  guards: [],
  flowTable: undefined,
  health: () => undefined,
}
const spoken: Known = {
  ...silent,
  nodeConnected: true,
  applied: { revision: 1, problems: 2 },
  listeners: new Map([
    ['arn:listener', flowCounters()],
    ['arn:http', httpCounters()],
  ]),
  groups: new Map([
    [webArn, httpTarget(webArn, 90)],
    [dnsArn, { target: dnsArn, newFlows: 8, activeFlows: 1, bytesIn: 1, bytesOut: 2 }],
  ]),
  guards: [{ id: 'i-1', address: '10.0.1.20', dropped: 9 }],
  flowTable: { flows: 5, limit: 65_536, refused: 1, givenUp: 2, portless: 3 },
  health: key => health(key === targetKey(webArn, target('10.0.1.21')) ? 'unhealthy' : 'healthy'),
}

test('a page is what Prometheus reads, with the node and without it', () => {
  assert.deepEqual(
    Object.fromEntries(
      [...lint(metricsPage(state, silent, now))].filter(([name]) => !name.startsWith('sluice_targets')),
    ),
    {
      'sluice_build_info{version="1.2.3"}': 1,
      sluice_node_up: 0,
      sluice_desired_revision: state.revision,
    },
  )
  const page = lint(metricsPage(state, spoken, now))
  assert.equal(page.get('sluice_node_up'), 1)
  assert.equal(page.get('sluice_problems'), 2)
  assert.equal(page.get('sluice_flow_table_limit'), 65_536)
  assert.equal(page.get('sluice_security_group_dropped_packets_total{instance_id="i-1",address="10.0.1.20"}'), 9)
})

test('an Application Load Balancer has its requests, answers and refusals by listener', () => {
  const page = lint(metricsPage(state, spoken, now))
  assert.equal(page.get(`sluice_alb_requests_total${site}`), 100)
  assert.equal(page.get(`sluice_alb_own_responses_total${site.replace('}', ',status="503"}')}`), 2)
  assert.equal(page.get(`sluice_alb_rejections_total${site.replace('}', ',reason="header-timeout"}')}`), 1)
  assert.equal(page.get(`sluice_alb_active_connections${site}`), 2)
  assert.equal(page.get(`sluice_nlb_new_flows_total${site}`), undefined)
})

test('its target groups have theirs, in seconds, and their targets by state', () => {
  const page = lint(metricsPage(state, spoken, now))
  assert.equal(page.get(`sluice_alb_target_responses_total{${web},class="2xx"}`), 90)
  assert.equal(page.get(`sluice_alb_target_responses_total{${web},class="5xx"}`), 0)
  assert.equal(page.get(`sluice_alb_target_response_seconds_bucket{${web},le="0.001"}`), 0)
  assert.equal(page.get(`sluice_alb_target_response_seconds_bucket{${web},le="0.002"}`), 90)
  assert.equal(page.get(`sluice_alb_target_response_seconds_sum{${web}}`), 0.18)
  assert.equal(page.get(`sluice_targets{${web},state="healthy"}`), 1)
  assert.equal(page.get(`sluice_targets{${web},state="unhealthy"}`), 1)
  assert.ok(![...page.keys()].some(name => name.includes('idle')), 'a group that nothing uses has none')
})

test('a Network Load Balancer has its flows, bytes and drops', () => {
  const page = lint(metricsPage(state, spoken, now))
  const flows = '{load_balancer="net/lb/3",listener="TCP:80"'
  assert.equal(page.get(`sluice_nlb_new_flows_total${flows}}`), 10)
  assert.equal(page.get(`sluice_nlb_sent_bytes_total${flows}}`), 5_000)
  assert.equal(page.get(`sluice_nlb_drops_total${flows},reason="security-group"}`), 3)
  assert.equal(
    page.get('sluice_nlb_target_new_flows_total{load_balancer="net/lb/3",target_group="targetgroup/dns/2"}'),
    8,
  )
})

test('help texts name CloudWatch’s metrics', () => {
  const text = metricsPage(state, spoken, now)
  for (const name of [
    'RequestCount',
    'HTTPCode_Target_5XX_Count',
    'HTTPCode_ELB_5XX_Count',
    'TargetResponseTime',
    'ActiveConnectionCount',
    'NewConnectionCount',
    'ProcessedBytes',
    'RejectedConnectionCount',
    'HealthyHostCount',
    'NewFlowCount',
    'ActiveFlowCount',
  ])
    assert.match(text, new RegExp(`^# HELP .*\\b${name}\\b`, 'm'))
})
