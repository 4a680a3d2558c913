import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBuilder } from '../domain/build-snapshot.ts'
import { defaultRuleArn } from '../domain/listener-rules.ts'
import { applicationLoadBalancer, httpListener, now, rule, stateWith, targetGroup } from '../domain/state.fixture.ts'
import { actionOf, type Route, routedIn, type Sides } from './sides.ts'

const [blue, green] = ['arn:tg:blue', 'arn:tg:green']
const arn = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/web/1/2'
const listener = httpListener({ arn, forward: [{ targetGroupArn: blue, weight: 1 }] })
const test1 = rule(1, { listenerArn: arn, forward: [{ targetGroupArn: green, weight: 1 }] })
const state = stateWith({
  loadBalancers: [applicationLoadBalancer()],
  listeners: [listener],
  rules: [test1],
  targetGroups: [blue, green].map(arn => targetGroup({ arn, protocol: 'HTTP' })),
})

const routes: readonly (readonly [string, string, string])[] = [
  ['a default rule', defaultRuleArn(listener), blue],
  ['a rule', test1.arn, green],
  ['a listener, the first of its actions that forward to the pair', listener.arn, green],
]
for (const [name, arn, expected] of routes) {
  test(`what is shown of production and test on one listener is each one's own: ${name}`, () => {
    const route: Route = { role: 'production', port: 80, listenerArn: listener.arn, arn }
    const sides: Sides = { blue, green, routes: [route] }
    assert.equal(actionOf(state, sides, route).forward[0]?.targetGroupArn, expected)
    const [served] = snapshotBuilder()(state, new Map(), now).snapshot.listeners
    const [group] = routedIn(served!, state, sides, route)
    assert.equal(group?.group.split(' ')[0], expected)
  })
}
