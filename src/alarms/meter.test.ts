import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Metric, metricKey, metricsOf } from '../domain/metric.ts'
import { applicationLoadBalancer, health, httpListener, now } from '../domain/state.fixture.ts'
import { applyChanges, emptyState } from '../domain/state.ts'
import { Meter } from './meter.ts'
import { FakeNode, groupArn, keys, listenerArn, service } from './node.fixture.ts'

const state = applyChanges(emptyState, 1, service)
const all = metricsOf(state)

/** A group's values by name, and those of its load balancer as `lb NAME`. */
async function measured(meter: Meter, metrics: readonly Metric[] = all, at = state) {
  await meter.prepare(metrics)
  const values = meter.measure(metrics, at, now)
  return Object.fromEntries(
    metrics.flatMap(metric => {
      const value = values.get(metricKey(metric))
      const name = metric.dimensions.TargetGroup === undefined ? `lb ${metric.name}` : metric.name
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

const named = (...names: string[]) => all.filter(({ name }) => names.includes(name))

test('hosts are counted as DescribeTargetHealth tells them', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  const hosts = named('HealthyHostCount', 'UnHealthyHostCount')
  assert.deepEqual(await measured(meter, hosts), { HealthyHostCount: 0, UnHealthyHostCount: 0 })
  node.healths.set(keys[0], health('healthy'))
  node.healths.set(keys[1], health('unhealthy'))
  assert.deepEqual(await measured(meter, hosts), { HealthyHostCount: 1, UnHealthyHostCount: 1 })
  assert.equal(node.counts, 0, 'counters cost too much to be asked for in vain')
})

test('flows and bytes are what came since the last measurement, active flows what there are', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  const flows = named('NewFlowCount', 'ActiveFlowCount', 'ProcessedBytes')
  node.flow(100, 5, 1000)
  assert.deepEqual(await measured(meter, flows), {})
  node.flow(107, 6, 1500)
  const grown = { NewFlowCount: 7, ActiveFlowCount: 6, ProcessedBytes: 500 }
  const ofBoth = { 'lb NewFlowCount': 7, 'lb ActiveFlowCount': 6, 'lb ProcessedBytes': 500 }
  assert.deepEqual(await measured(meter, flows), { ...grown, ...ofBoth })
})

test('a counter that began anew counts from nothing', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  node.flow(100, 0, 0)
  await measured(meter)
  node.flow(3, 0, 0)
  assert.equal((await measured(meter)).NewFlowCount, 3)
})

test('the refused share is of all new flows those that no target took; without new flows there is none', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  const share = named('RefusedShare')
  node.flow(10, 0, 0, { refused: 1, 'security-group': 5 })
  await measured(meter, share)
  assert.deepEqual(await measured(meter, share), {})
  node.flow(16, 0, 0, { refused: 2, 'no-target': 1, 'security-group': 50 })
  assert.deepEqual(await measured(meter, share), { RefusedShare: 0.25, 'lb RefusedShare': 0.25 })
})

test('a suspicion counts as one refused flow of its group, once', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  const share = named('RefusedShare')
  node.flow(10, 0, 0)
  await measured(meter, share)
  node.healths.set(keys[0], health('healthy', { suspect: { since: now, until: now + 1000, reason: 'refused' } }))
  node.flow(13, 0, 0)
  assert.deepEqual(await measured(meter, share), { RefusedShare: 0.25, 'lb RefusedShare': 0 })
  node.flow(14, 0, 0)
  assert.deepEqual(await measured(meter, share), { RefusedShare: 0, 'lb RefusedShare': 0 })
})

test('what the kernel saw refused is lost to the group and to its load balancer, and is no new flow', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  const some = named('RefusedShare', 'NewFlowCount')
  node.flow(100, 0, 0, {}, 10)
  await measured(meter, some)
  node.healths.set(keys[0], health('healthy', { suspect: { since: now, until: now + 1000, reason: 'refused' } }))
  node.flow(108, 0, 0, {}, 16)
  const two = { RefusedShare: 0.75, NewFlowCount: 2 }
  assert.deepEqual(await measured(meter, some), { ...two, 'lb RefusedShare': 0.75, 'lb NewFlowCount': 2 })
  node.flow(108, 0, 0, {}, 17)
  const late = { RefusedShare: 1, NewFlowCount: 0 }
  assert.deepEqual(await measured(meter, some), { ...late, 'lb RefusedShare': 1, 'lb NewFlowCount': 0 })
})

test('what a listener lost is no loss of a group that has weight 0 there', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  const share = named('RefusedShare')
  const listener = state.listeners.get(listenerArn)
  assert.ok(listener)
  const forward = [{ targetGroupArn: groupArn, weight: 0 }]
  const idle = applyChanges(state, 2, [{ table: 'listeners', key: listenerArn, value: { ...listener, forward } }])
  node.flow(0, 0, 0)
  await measured(meter, share, idle)
  node.flow(0, 0, 0, { 'no-target': 3 })
  assert.deepEqual(await measured(meter, share, idle), { 'lb RefusedShare': 1 })
})

test('latency is that of the slowest probe that passed, each told once', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  const latency = named('ConnectLatency')
  const probed = (at: number, ms: number, ok = true) => health('healthy', { results: [{ at, ok, ms, reason: '' }] })
  assert.deepEqual(await measured(meter, latency), {})
  node.healths.set(keys[0], probed(1, 3))
  node.healths.set(keys[1], probed(2, 8))
  assert.deepEqual(await measured(meter, latency), { ConnectLatency: 8 })
  assert.deepEqual(await measured(meter, latency), {})
  node.healths.set(keys[0], probed(3, 4))
  node.healths.set(keys[1], probed(4, 5000, false))
  assert.deepEqual(await measured(meter, latency), { ConnectLatency: 4 })
})

test('requests, errors and response times of an Application Load Balancer are what came since the last measurement', async () => {
  const site = applicationLoadBalancer()
  const at = applyChanges(state, 2, [
    { table: 'loadBalancers', key: site.arn, value: site },
    { table: 'listeners', key: listenerArn },
    {
      table: 'listeners',
      key: 'arn:http',
      value: httpListener({ forward: [{ targetGroupArn: groupArn, weight: 1 }] }),
    },
  ])
  const node = new FakeNode()
  const meter = new Meter(node)
  const http = metricsOf(at).filter(
    ({ namespace, name }) => namespace === 'AWS/ApplicationELB' && !name.includes('Host'),
  )
  const counted = (requests: number, errors: number, latencySumMs: number, answers: Record<string, number>) => {
    const flows = { newFlows: 1, activeFlows: 1, bytesIn: requests, bytesOut: requests }
    const classes = [0, 0, requests - errors, 0, 0, errors]
    node.current = {
      listeners: [{ listener: 'TCP 10.0.1.4 80', listenerArn: 'arn:http', drops: {}, ...flows, http: { answers } }],
      targets: [{ target: keys[0], ...flows, http: { requests, classes, latency: [0, requests], latencySumMs } }],
    }
  }
  counted(100, 10, 1_000, { 404: 3, 502: 1 })
  await measured(meter, http, at)
  counted(110, 12, 3_000, { 404: 9, 502: 2, 503: 4 })
  const common = { RequestCount: 10, HTTPCode_Target_5XX_Count: 2, TargetResponseTime: 0.2 }
  assert.deepEqual(await measured(meter, http, at), {
    ...common,
    ...Object.fromEntries(Object.entries(common).map(([name, value]) => [`lb ${name}`, value])),
    'lb HTTPCode_ELB_5XX_Count': 5,
  })
  const still = await measured(meter, http, at)
  assert.deepEqual([still.RequestCount, still.TargetResponseTime], [0, undefined], 'without answers there is no time')
})

test('nothing is known while the node is away, nor what flowed meanwhile', async () => {
  const node = new FakeNode()
  const meter = new Meter(node)
  node.flow(10, 0, 0)
  await measured(meter)
  node.nodeConnected = false
  assert.deepEqual(await measured(meter), {})
  node.nodeConnected = true
  node.flow(500, 0, 0)
  assert.deepEqual(await measured(meter, named('NewFlowCount')), {})
})

test('a metric of what is not there, or not in use, has no value', async () => {
  const meter = new Meter(new FakeNode())
  const hosts = named('HealthyHostCount')
  const unused = applyChanges(state, 2, [{ table: 'listeners', key: listenerArn }])
  assert.deepEqual(await measured(meter, hosts, unused), {})
  assert.deepEqual(await measured(meter, [{ namespace: 'AWS/EC2', name: 'HealthyHostCount', dimensions: {} }]), {})
})
