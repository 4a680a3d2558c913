import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../virtual-clock.ts'
import { startHealthCheck } from './health-check.ts'

/** A check every 10 s that gives up after 3 failures, and whose answers are given: `+` or `-` each. */
async function check(answers: string, { startPeriodSeconds = 0, ageMs = 0 } = {}) {
  const clock = new VirtualClock()
  const told: string[] = []
  const ran: string[] = []
  const cancel = startHealthCheck({
    check: {
      command: ['CMD-SHELL', 'curl -f localhost'],
      intervalSeconds: 10,
      timeoutSeconds: 2,
      retries: 3,
      startPeriodSeconds,
    },
    clock,
    ageMs,
    async run(argv, timeoutMs) {
      ran.push([...argv, timeoutMs].join(' '))
      return answers[ran.length - 1] === '+'
    },
    tell: health => told.push(`${health} after ${ran.length}`),
  })
  await clock.advance(10_000 * answers.length)
  cancel()
  await clock.advance(100_000)
  assert.deepEqual(ran, new Array(answers.length).fill('/bin/sh -c curl -f localhost 2000'))
  return told
}

test('a task is healthy after its first success', async () => {
  assert.deepEqual(await check('--++'), ['HEALTHY after 3'])
})

test('a task is unhealthy after as many failures in a row as it has retries, and healthy again after one success', async () => {
  assert.deepEqual(await check('+--+--+---+'), ['HEALTHY after 1', 'UNHEALTHY after 10', 'HEALTHY after 11'])
})

test('failures in the start period do not count, until one check has succeeded', async () => {
  assert.deepEqual(await check('------', { startPeriodSeconds: 25 }), ['UNHEALTHY after 5'])
  assert.deepEqual(await check('+---', { startPeriodSeconds: 60 }), ['HEALTHY after 1', 'UNHEALTHY after 4'])
})

test('a task that is adopted is as old as it is', async () => {
  assert.deepEqual(await check('---', { startPeriodSeconds: 25, ageMs: 25_000 }), ['UNHEALTHY after 3'])
})

test('a check NONE is none', async () => {
  const clock = new VirtualClock()
  startHealthCheck({
    check: { command: ['NONE'], intervalSeconds: 10, timeoutSeconds: 2, retries: 3, startPeriodSeconds: 0 },
    clock,
    ageMs: 0,
    run: () => assert.fail('it ran'),
    tell: () => assert.fail('it told'),
  })
  await clock.advance(100_000)
})
