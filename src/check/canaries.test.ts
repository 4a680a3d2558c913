import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rule } from '../domain/state.fixture.ts'
import { balancerArn, blueArn, found, idsOf, productionArn, type Wishes } from './design.fixture.ts'

const applicationArn = balancerArn.replace('/net/', '/app/')
const canary = { deploymentConfigName: 'CodeDeployDefault.ECSCanary10Percent5Minutes' }

/** Behind an Application Load Balancer. */
function behindAlb(wishes: Wishes): Wishes {
  const http = { loadBalancerArn: applicationArn, protocol: 'HTTP' } as const
  return {
    ...wishes,
    balancer: { arn: applicationArn, type: 'application' },
    production: { ...http, ...wishes.production },
    test: { ...http, ...wishes.test },
    dummy: false,
  }
}

test('a canary behind stickiness as long as itself is found: old clients stay out of it', () => {
  const { consequence, commands } = found(
    'sticky-canary',
    behindAlb({ group: canary, production: { stickySeconds: 300 } }),
  )
  assert.match(consequence, /for all of these 300 s: the new one gets 10 % of new clients alone/)
  assert.match(commands[0] ?? '', /modify-listener .*"TargetGroupStickinessConfig":\{"Enabled":false\}/)
})

test('a shorter stickiness lets them go, and all at once moves everybody', () => {
  assert.deepEqual(idsOf(behindAlb({ group: canary, production: { stickySeconds: 299 } })), [])
  assert.deepEqual(idsOf(behindAlb({ production: { stickySeconds: 3600 } })), [])
})

test('stickiness of any rule that the deployment moves counts, and of no other', () => {
  const sticky = (groupArn: string) => {
    const value = rule(1, {
      arn: 'arn:rule',
      listenerArn: productionArn,
      stickySeconds: 600,
      forward: [{ targetGroupArn: groupArn, weight: 1 }],
    })
    return behindAlb({ group: canary, changes: [{ table: 'rules', key: value.arn, value }] })
  }
  assert.match(found('sticky-canary', sticky(blueArn)).commands[0] ?? '', /modify-rule --rule-arn arn:rule /)
  assert.deepEqual(idsOf(sticky('arn:other')), [])
})

test("ECS's own canaries and linear steps count as well", () => {
  for (const strategy of ['CANARY', 'LINEAR'] as const) {
    const settings = { strategy, step: { percent: 5, bakeMinutes: 10 } }
    const wishes = (stickySeconds: number) => behindAlb({ settings, production: { stickySeconds } })
    assert.match(found('sticky-canary', wishes(600)).text, /of 5 % lasts 600 s/)
    assert.deepEqual(idsOf(wishes(599)), [])
  }
})

test('CodeDeploy on AWS has no canary behind a Network Load Balancer; ECS has', () => {
  const { consequence, here, commands } = found('canary-behind-nlb', { group: canary })
  assert.match(consequence, /refuses/)
  assert.match(here ?? '', /works/)
  assert.match(commands[0] ?? '', /--deployment-config-name CodeDeployDefault.ECSAllAtOnce$/)
  assert.deepEqual(idsOf({ settings: { strategy: 'CANARY', step: { percent: 10, bakeMinutes: 5 } } }), [])
})
