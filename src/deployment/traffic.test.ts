import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment, DeploymentPlan } from '../domain/code-deploy.ts'
import { applicationLoadBalancer, httpListener, rule, stateWith } from '../domain/state.fixture.ts'
import { applyChanges } from '../domain/state.ts'
import { foreignListener, forwardOf, pointed } from './traffic.ts'

const plan: DeploymentPlan = {
  serviceArn: 'arn:service',
  productionListenerArn: 'arn:http',
  blueTaskSetArn: 'arn:set:1',
  greenTaskSetArn: 'arn:set:2',
  blueTargetGroupArn: 'arn:blue',
  greenTargetGroupArn: 'arn:green',
}
const on = (targetGroupArn: string) => [{ targetGroupArn, weight: 1 }]
const answer = { type: 'fixed-response', statusCode: 404 } as const

/** Rules 1 and 2 are the deployment's, 3 is another service's, and who fits none is answered. */
const state = stateWith({
  loadBalancers: [applicationLoadBalancer()],
  listeners: [httpListener({ forward: [], answer })],
  rules: [
    rule(1, { forward: on('arn:blue'), stickySeconds: 60 }),
    rule(2, { forward: on('arn:blue') }),
    rule(3, { forward: on('arn:other') }),
  ],
})

test('all rules that forward to blue or green move together, and nothing else of the listener does', () => {
  const changes = pointed(state, plan, 'arn:http', forwardOf(plan, 100))
  assert.deepEqual(
    changes.map(({ key, value }) => [key, value]),
    [1, 2].map(n => [`arn:rule:${n}`, { ...state.rules.get(`arn:rule:${n}`), forward: forwardOf(plan, 100) }]),
  )
})

test('a listener that has to do with neither is pointed there itself, and answers no more', () => {
  const [change, ...more] = pointed(withoutRules(), plan, 'arn:http', forwardOf(plan, 100))
  assert.deepEqual(change?.value, httpListener({ forward: forwardOf(plan, 100) }))
  assert.deepEqual(more, [])
})

test('a rule that somebody else pointed elsewhere, or added, makes the listener a foreign one', () => {
  const progress = { step: 'AllowTraffic', since: 0, shifted: 100, plan } as const
  // Of a deployment only its progress counts here.
  const deployment = { progress, events: [] as Deployment['events'] } as Deployment
  const moved = applyChanges(state, 2, pointed(state, plan, 'arn:http', forwardOf(plan, 100)))
  assert.equal(foreignListener(moved, deployment), undefined)
  assert.equal(foreignListener(state, deployment), 'arn:http')
  const more = stateWith({ rules: [rule(4, { forward: on('arn:blue') })] }, moved)
  assert.equal(foreignListener(more, deployment), 'arn:http')
  const others = stateWith({ rules: [rule(3, { forward: on('arn:third') })] }, moved)
  assert.equal(foreignListener(others, deployment), undefined)
})

function withoutRules() {
  return applyChanges(
    state,
    2,
    Array.from(state.rules.keys(), key => ({ table: 'rules', key }) as const),
  )
}
