import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Alarm } from '../domain/alarm.ts'
import { health } from '../domain/state.fixture.ts'
import { openMemoryStore } from '../store/memory.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { alarm } from './alarms.fixture.ts'
import { metricOf } from './metrics.ts'
import { FakeNode, keys, service } from './node.fixture.ts'
import { openAlarms } from './runner.ts'

async function open(t: TestContext, ...given: readonly Alarm[]) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1) + 500)
  const store = openMemoryStore()
  const node = new FakeNode()
  const lines: string[] = []
  const put = async (...alarms: readonly Alarm[]) => {
    const changes = alarms.map(value => ({ table: 'alarms', key: value.name, value }) as const)
    await store.transact(store.read().revision, changes)
  }
  await store.transact(0, service)
  await put(...given)
  for (const key of keys) node.healths.set(key, health('healthy'))
  const alarms = openAlarms({ store, clock, node, log: line => lines.push(line) })
  t.after(() => alarms.close())
  const current = (name = 'unhealthy') => store.read().alarms.get(name) ?? assert.fail()
  return { clock, store, node, lines, put, alarms, current }
}

test('an alarm is OK a second after it was made, ALARM a second after a target failed, and OK again', async t => {
  const { clock, node, current } = await open(t, alarm())
  await clock.advance(1000)
  assert.equal(current().state, 'OK')
  node.healths.set(keys[0], health('unhealthy'))
  await clock.advance(1000)
  assert.equal(current().state, 'ALARM')
  assert.equal(current().stateUpdatedAt, clock.now())
  assert.match(current().stateReason, /^Threshold Crossed: 1 out of the last 1 datapoints \[1\.0 /)
  node.healths.set(keys[0], health('healthy'))
  await clock.advance(1000)
  assert.equal(current().state, 'OK')
})

test('a breach in a period of a minute is an alarm within a second, and for a minute', async t => {
  const { clock, node, current } = await open(t, alarm({ periodSeconds: 60 }))
  await clock.advance(30_000)
  node.healths.set(keys[0], health('unhealthy'))
  await clock.advance(1000)
  node.healths.set(keys[0], health('healthy'))
  assert.equal(current().state, 'ALARM')
  await clock.advance(58_000)
  assert.equal(current().state, 'ALARM')
  await clock.advance(2000)
  assert.equal(current().state, 'OK')
})

test('nothing is committed while no state changes', async t => {
  const { clock, store } = await open(t, alarm())
  await clock.advance(1000)
  const { revision } = store.read()
  await clock.advance(60_000)
  assert.equal(store.read().revision, revision)
})

test('without alarms the node is asked nothing, and counted only for a metric of flows', async t => {
  const { clock, node, put } = await open(t)
  await clock.advance(5000)
  await put(alarm())
  await clock.advance(5000)
  assert.equal(node.counts, 0)
  await put(alarm({ name: 'flows', metricName: 'NewFlowCount' }))
  await clock.advance(3000)
  assert.equal(node.counts, 3)
})

test('an ALARM that was set by hand is seen for a period, an OK for a second', async t => {
  const { clock, node, put, current } = await open(t, alarm({ periodSeconds: 10 }))
  await clock.advance(1000)
  await put({ ...current(), state: 'ALARM', stateReason: 'a drill', stateUpdatedAt: clock.now() })
  await clock.advance(9000)
  assert.equal(current().stateReason, 'a drill')
  await clock.advance(1000)
  assert.equal(current().state, 'OK')
  node.healths.set(keys[0], health('unhealthy'))
  await clock.advance(1000)
  await put({ ...current(), state: 'OK', stateReason: 'wishful', stateUpdatedAt: clock.now() })
  await clock.advance(1000)
  assert.equal(current().state, 'ALARM')
})

test('a sum that may not be too low is judged once a whole period has been seen', async t => {
  const quiet = {
    metricName: 'NewFlowCount',
    statistic: 'Sum',
    comparison: 'LessThanThreshold',
    threshold: 10,
  } as const
  const { clock, node, current } = await open(t, alarm({ ...quiet, periodSeconds: 20 }))
  const serve = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      const flows = (node.current.listeners[0]?.newFlows ?? 0) + 1
      node.flow(flows, 0, 0)
      await clock.advance(1000)
    }
  }
  await serve(20)
  assert.equal(current().state, 'INSUFFICIENT_DATA')
  await serve(1)
  assert.equal(current().state, 'OK')
  node.nodeConnected = false
  await clock.advance(15_000)
  assert.equal(current().state, 'INSUFFICIENT_DATA')
  node.nodeConnected = true
  await serve(15)
  assert.equal(current().state, 'INSUFFICIENT_DATA')
  await clock.advance(30_000)
  assert.equal(current().state, 'ALARM')
})

test('an alarm whose node is away has insufficient data', async t => {
  const { clock, node, current } = await open(t, alarm({ evaluationPeriods: 3 }))
  await clock.advance(1000)
  assert.equal(current().state, 'OK')
  node.nodeConnected = false
  await clock.advance(2000)
  assert.equal(current().state, 'OK')
  await clock.advance(1000)
  assert.equal(current().state, 'INSUFFICIENT_DATA')
  assert.equal(current().stateReason, 'Insufficient Data: 3 datapoints were unknown.')
})

test('an alarm that was deleted or changed while it was evaluated is not put back', async t => {
  const { clock, store, node, current } = await open(
    t,
    alarm({ metricName: 'ActiveFlowCount' }),
    alarm({ name: 'other' }),
  )
  node.flow(1, 1, 1)
  await clock.advance(1000)
  const counted = Promise.withResolvers<void>()
  node.count = () => counted.promise
  node.healths.set(keys[0], health('unhealthy'))
  await clock.advance(1000)
  await store.transact(store.read().revision, [
    { table: 'alarms', key: 'unhealthy' },
    { table: 'alarms', key: 'other', value: { ...current('other'), threshold: 2 } },
  ])
  counted.resolve()
  await clock.advance(0)
  assert.deepEqual([...store.read().alarms.keys()], ['other'])
  assert.equal(current('other').state, 'OK')
})

test('counting that takes longer than a second makes the next evaluation wait', async t => {
  const { clock, node } = await open(t, alarm({ metricName: 'NewFlowCount' }))
  const { promise, resolve } = Promise.withResolvers<void>()
  let asked = 0
  node.count = () => {
    asked++
    return promise
  }
  await clock.advance(5000)
  assert.equal(asked, 1)
  resolve()
  await clock.advance(1000)
  assert.equal(asked, 2)
})

test('however long counting takes, each second has what was counted in it', async t => {
  const { clock, node, alarms, current } = await open(t, alarm({ metricName: 'NewFlowCount' }))
  const from = clock.now() + 500
  let asked = 0
  node.flow(0, 0, 0)
  const { count } = node
  node.count = async () => {
    await new Promise<void>(resolve => clock.after(asked % 2 === 0 ? 700 : 100, resolve))
    node.flow(++asked, 0, 0)
    await count.call(node)
  }
  await clock.advance(10_900)
  const [all] = alarms.metrics.datapoints(metricOf(current()), from, 10_000, 1)
  assert.deepEqual([asked, all?.sum], [10, 9], 'the first one begins it')
})

test('what flowed while no alarm was there is no flow of the first second of the next one', async t => {
  const { clock, store, node, put, alarms, current } = await open(t, alarm({ metricName: 'NewFlowCount' }))
  node.flow(10, 0, 0)
  await clock.advance(2000)
  await store.transact(store.read().revision, [{ table: 'alarms', key: 'unhealthy' }])
  await clock.advance(2000)
  node.flow(1000, 0, 0)
  await put(alarm({ metricName: 'NewFlowCount' }))
  const from = clock.now() + 500
  await clock.advance(1000)
  node.flow(1003, 0, 0)
  await clock.advance(1000)
  const [all] = alarms.metrics.datapoints(metricOf(current()), from, 10_000, 1)
  assert.equal(all?.sum, 3)
})

test('what was before a restart is not missing; what is missing since then is', async t => {
  const strict = {
    treatMissingData: 'breaching',
    periodSeconds: 10,
    evaluationPeriods: 3,
    datapointsToAlarm: 1,
  } as const
  const { clock, node, current } = await open(
    t,
    alarm({ ...strict, state: 'OK' }),
    alarm({ ...strict, name: 'silent', metricName: 'ConnectLatency', state: 'OK' }),
  )
  await clock.advance(29_000)
  assert.deepEqual([current().state, current('silent').state], ['OK', 'OK'])
  await clock.advance(1000)
  assert.deepEqual([current().state, current('silent').state], ['OK', 'ALARM'])
  node.healths.set(keys[0], health('unhealthy'))
  await clock.advance(1000)
  assert.equal(current().state, 'ALARM')
})

test('an alarm that is made while others are measured is looked at with the next measurement', async t => {
  const { clock, node, put, current } = await open(t, alarm({ metricName: 'NewFlowCount' }))
  await clock.advance(1000)
  const counted = Promise.withResolvers<void>()
  node.count = () => counted.promise
  await clock.advance(1000)
  await put(alarm({ name: 'new', metricName: 'HealthyHostCount', threshold: 9, treatMissingData: 'breaching' }))
  counted.resolve()
  await clock.advance(0)
  assert.equal(current('new').state, 'INSUFFICIENT_DATA')
  await clock.advance(1000)
  assert.equal(current('new').state, 'OK')
})

test('what goes wrong is told once, and evaluation goes on', async t => {
  const { clock, node, lines, current } = await open(t, alarm())
  const { health: honest } = node
  node.health = () => {
    throw new Error('no word')
  }
  await clock.advance(3000)
  assert.deepEqual(lines, ['alarms are not evaluated: no word'])
  node.health = honest
  await clock.advance(1000)
  assert.equal(current().state, 'OK')
})

test('no second is left out, however late timers are', async t => {
  const { clock, alarms, current } = await open(t, alarm({ metricName: 'HealthyHostCount', threshold: 9 }))
  const from = clock.now() + 500
  const { after } = clock
  clock.after = (ms, task) => after.call(clock, ms + 7, task)
  await clock.advance(1_000_000)
  const [all] = alarms.metrics.datapoints(metricOf(current()), from, 999_000, 1)
  assert.equal(all?.sampleCount, 999)
})

test('the past of what is watched can be asked for, and is forgotten with the alarm', async t => {
  const { clock, store, alarms, current } = await open(t, alarm({ metricName: 'HealthyHostCount', threshold: 9 }))
  const metric = metricOf(current())
  const from = clock.now() + 500
  await clock.advance(3000)
  const points = alarms.metrics.datapoints(metric, from, 1000, 4)
  assert.deepEqual(
    points.map(point => point?.sum),
    [2, 2, 2, undefined],
  )
  await store.transact(store.read().revision, [{ table: 'alarms', key: 'unhealthy' }])
  await clock.advance(1000)
  assert.deepEqual(alarms.metrics.datapoints(metric, from, 1000, 1), [undefined])
})
