import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Action } from '../../domain/action.ts'
import type { Deployment, DeploymentPlan } from '../../domain/code-deploy.ts'
import { applicationLoadBalancer, httpListener, rule, stateWith } from '../../domain/state.fixture.ts'
import { applyChanges } from '../../domain/state.ts'
import { instant } from '../../domain/timing.ts'
import { forwardOf, pointed } from '../traffic.ts'
import { foreignListener, idleGroup } from './traffic.ts'

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

test('the group with nothing is added, or left out under AWS’s timing, unless production was set up to name both', () => {
  const aws = { ...instant, profile: 'aws' } as const
  const [first, second] = [...on('arn:blue'), { targetGroupArn: 'arn:green', weight: 0 }]
  const naming = (forward: Action['forward']) => stateWith({ rules: [rule(1, { forward })] }, state)
  const added = naming([first!, { ...second!, added: true }])
  for (const one of [state, added]) {
    assert.deepEqual(idleGroup(one, plan, instant), { adds: true })
    assert.deepEqual(idleGroup(one, plan, aws), { alone: true })
  }
  for (const timing of [instant, aws]) assert.deepEqual(idleGroup(naming([first!, second!]), plan, timing), {})
})
