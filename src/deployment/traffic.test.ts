import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeploymentPlan } from '../domain/code-deploy.ts'
import { defaultRuleArn } from '../domain/listener-rules.ts'
import { applicationLoadBalancer, httpListener, rule, stateWith } from '../domain/state.fixture.ts'
import { applyChanges } from '../domain/state.ts'
import { forwardOf, pointed } from './traffic.ts'

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

test('the group with nothing stays at no weight, is added at none, or is left out, as the plan has it', () => {
  const idle = { targetGroupArn: 'arn:green', weight: 0 }
  const busy = { targetGroupArn: 'arn:blue', weight: 100 }
  assert.deepEqual(forwardOf(plan, 0), [busy, idle])
  assert.deepEqual(forwardOf({ ...plan, adds: true }, 0), [busy, { ...idle, added: true }])
  assert.deepEqual(forwardOf({ ...plan, alone: true }, 0), [busy])
})

function withoutRules() {
  return applyChanges(
    state,
    2,
    Array.from(state.rules.keys(), key => ({ table: 'rules', key }) as const),
  )
}

test("behind a rule's ARN that rule alone moves, behind a default rule's its listener's own action", () => {
  const arn = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/site/50dc6c495c0c9188/f2f7dc8efc522ab2'
  const listener = httpListener({ arn, forward: on('arn:blue') })
  const rules = [
    rule(1, { listenerArn: arn, forward: on('arn:blue') }),
    rule(2, { listenerArn: arn, forward: on('arn:blue') }),
  ]
  const its = stateWith({ loadBalancers: [applicationLoadBalancer()], listeners: [listener], rules })
  const keys = (routeArn: string) => pointed(its, plan, routeArn, forwardOf(plan, 100)).map(({ key }) => key)
  assert.deepEqual(keys('arn:rule:1'), ['arn:rule:1'])
  assert.deepEqual(keys(defaultRuleArn(listener)), [arn])
  assert.deepEqual(keys(arn), ['arn:rule:1', 'arn:rule:2', arn])
})

test('a share that is no whole number is weighed in thousandths', () => {
  const weights = (share: number) => forwardOf(plan, share).map(({ weight }) => weight)
  assert.deepEqual([0, 0.1, 12.5, 50, 99.9, 100].map(weights), [
    [100, 0],
    [999, 1],
    [875, 125],
    [50, 50],
    [1, 999],
    [0, 100],
  ])
})
