import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Health } from './domain/health.ts'
import { OperatorLog } from './operator-log.ts'

const key = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/hello-udp/0123456789abcdef 127.65.0.2 8080'
const listenerArn =
  'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/net/hello/0123456789abcdef/0123456789abcdef'

function health(verdict: Health['verdict'], reason: string, more: Partial<Health> = {}): Health {
  return { verdict, since: 0, against: 0, results: [{ at: 0, ok: verdict === 'healthy', ms: 1, reason }], ...more }
}

function open(initial: ReadonlyMap<string, Health> = new Map()) {
  const lines: string[] = []
  const operatorLog = new OperatorLog({ initial, log: line => lines.push(line) })
  const say = (next: Health | undefined) => operatorLog.health(new Map([[key, next]]))
  return { lines, operatorLog, say }
}

test('a verdict is told when it changes, with its reason, and never per probe', () => {
  const { lines, say } = open()
  say(health('initial', 'connection refused'))
  say(health('healthy', 'passed in 1 ms'))
  say(health('healthy', 'passed in 2 ms'))
  say(health('healthy', 'connection refused', { against: 1 }))
  say(health('unhealthy', 'connection refused'))
  say(health('unhealthy', 'connection refused'))
  say(health('healthy', 'passed in 3 ms'))
  assert.deepEqual(lines, [
    'target 127.65.0.2:8080 of hello-udp is now unhealthy: connection refused',
    'target 127.65.0.2:8080 of hello-udp is now healthy: passed in 3 ms',
  ])
})

test('a verdict from before a restart is no news, and a target that is registered anew starts afresh', () => {
  const { lines, say } = open(new Map([[key, health('unhealthy', '')]]))
  say(health('unhealthy', 'connection refused'))
  say(undefined)
  assert.deepEqual(lines, [])
  say(health('unhealthy', 'no answer within 2,000 ms'))
  assert.deepEqual(lines, ['target 127.65.0.2:8080 of hello-udp is now unhealthy: no answer within 2,000 ms'])
})

test('a target that is registered again while it drains starts afresh', () => {
  const { lines, say } = open(new Map([[key, health('unhealthy', '')]]))
  say(health('initial', ''))
  say(health('healthy', 'passed in 1 ms'))
  assert.deepEqual(lines, [])
})

test('a suspicion is told once while it stays on record', () => {
  const { lines, say } = open(new Map([[key, health('healthy', 'passed in 1 ms')]]))
  const suspect = { since: 0, until: 1_000, reason: 'port unreachable' }
  say(health('healthy', 'passed in 1 ms', { suspect }))
  say(health('healthy', 'passed in 1 ms', { suspect: { ...suspect, until: 2_000 } }))
  assert.deepEqual(lines, [
    'target 127.65.0.2:8080 of hello-udp is suspect: port unreachable; new flows go elsewhere while it is checked',
  ])
})

test('a listener’s problem is told when it comes, when its reason changes and when it goes', () => {
  const { lines, operatorLog } = open()
  const problem = { listener: 'TCP 127.0.0.1 8081', listenerArn, reason: 'port 8081 is taken by nc' }
  operatorLog.problems([problem])
  operatorLog.problems([problem])
  operatorLog.problems([{ ...problem, reason: 'port 8081 is taken by nginx' }])
  operatorLog.problems([])
  operatorLog.problems([])
  assert.deepEqual(lines, [
    'listener TCP 127.0.0.1 8081 of hello is NOT IN PLACE: port 8081 is taken by nc',
    'listener TCP 127.0.0.1 8081 of hello is NOT IN PLACE: port 8081 is taken by nginx',
    'listener TCP 127.0.0.1 8081 of hello has no problem any more',
  ])
})

test('a problem with a target does not hide another one, nor call the listener out of place', () => {
  const { lines, operatorLog } = open()
  const problem = (port: number) => {
    const [listener, target] = ['TCP 127.0.0.1 8081', `10.9.1.2:${port}`]
    return { listener, listenerArn, target, reason: `target ${target} gets no flows` }
  }
  operatorLog.problems([problem(1), problem(2)])
  operatorLog.problems([problem(2), problem(1)])
  operatorLog.problems([problem(1)])
  assert.deepEqual(lines, [
    'listener TCP 127.0.0.1 8081 of hello has a problem: target 10.9.1.2:1 gets no flows',
    'listener TCP 127.0.0.1 8081 of hello has a problem: target 10.9.1.2:2 gets no flows',
    'listener TCP 127.0.0.1 8081 of hello has no problem with target 10.9.1.2:2 any more',
  ])
})

test('a full flow table is told at once, and while it stays full once a minute', () => {
  const { lines, operatorLog } = open()
  const counted = (drops: number, now: number) => {
    const traffic = { newFlows: 0, activeFlows: 0, bytesIn: 0, bytesOut: 0 }
    operatorLog.counters(
      [{ listener: 'UDP 127.0.0.1 8080', listenerArn, ...traffic, drops: { 'flow-limit': drops } }],
      now,
    )
  }
  counted(0, 0)
  counted(7, 1_000)
  counted(9, 2_000)
  counted(12, 61_000)
  counted(12, 200_000)
  const line = (count: number) =>
    `listener UDP 127.0.0.1 8080 of hello has as many flows as it may keep and gave up ${count}, the longest idle first: ` +
    'a flood, or --udp-flows is too low'
  assert.deepEqual(lines, [line(7), line(5)])
})

test('connections that were refused because workers are late are not called a flood', () => {
  const { lines, operatorLog } = open()
  const http = {
    requests: 0,
    activeRequests: 0,
    clientTlsErrors: 0,
    ruleEvaluations: 0,
    redirects: 0,
    fixedResponses: 0,
    nonCompliant: 0,
    answers: {},
    rejections: { overload: 2 },
  }
  const traffic = { newFlows: 0, activeFlows: 0, bytesIn: 0, bytesOut: 0, drops: { 'flow-limit': 2 } }
  operatorLog.counters([{ listener: 'TCP 127.0.0.1 8080', listenerArn, ...traffic, http }], 0)
  assert.deepEqual(lines, [
    'listener TCP 127.0.0.1 8080 of hello refused 2 connections, for its workers got no processor for a quarter of a second: ' +
      'this host has too much to do',
  ])
})
