import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sumListeners, sumTargets } from './counters.ts'
import type { HttpListenerCounters, HttpTargetCounters } from './engine.ts'

const flows = { newFlows: 1, activeFlows: 1, bytesIn: 10, bytesOut: 20 }

const ofListener: HttpListenerCounters = {
  requests: 3,
  activeRequests: 1,
  clientTlsErrors: 0,
  ruleEvaluations: 3,
  redirects: 1,
  fixedResponses: 0,
  nonCompliant: 2,
  answers: { 502: 1 },
  rejections: { 'header-timeout': 1 },
}

const ofTarget: HttpTargetCounters = {
  requests: 2,
  activeRequests: 0,
  connectionErrors: 1,
  tlsErrors: 0,
  anomalous: 1,
  classes: [0, 0, 2],
  latency: [1, 1],
  latencySumMs: 7.5,
}

test("processes' counts of an HTTP listener add up, name by name", () => {
  const one = { listener: 'a', listenerArn: 'arn', ...flows, drops: { refused: 1 }, http: ofListener }
  const other = { ...one, drops: {}, http: { ...ofListener, answers: { 502: 1, 504: 4 }, rejections: {} } }
  assert.deepEqual(sumListeners([one, other]).get('a'), {
    listener: 'a',
    listenerArn: 'arn',
    newFlows: 2,
    activeFlows: 2,
    bytesIn: 20,
    bytesOut: 40,
    drops: { refused: 1 },
    http: {
      requests: 6,
      activeRequests: 2,
      clientTlsErrors: 0,
      ruleEvaluations: 6,
      redirects: 2,
      fixedResponses: 0,
      nonCompliant: 4,
      answers: { 502: 2, 504: 4 },
      rejections: { 'header-timeout': 1 },
    },
  })
})

test("processes' counts of a target add up, bucket by bucket, also where one process sent it no requests", () => {
  const one = { target: 'a', ...flows, http: ofTarget }
  const sum = sumTargets([one, { target: 'a', ...flows }, one]).get('a')
  assert.equal(sum?.newFlows, 3)
  assert.deepEqual(sum?.http, {
    requests: 4,
    activeRequests: 0,
    connectionErrors: 2,
    tlsErrors: 0,
    anomalous: 2,
    classes: [0, 0, 4],
    latency: [2, 2],
    latencySumMs: 15,
  })
})
