import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AdvancedConfiguration, LoadBalancer } from '@aws-sdk/client-ecs'
import { defaultRuleArn } from '../../domain/listener-rules.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { CreateRule } from '../elbv2/rules.ts'
import { EcsAccount } from './ecs.fixture.ts'
import { UpdateService } from './update-service.ts'

const bakeTimeInMinutes = 0
const deploymentConfiguration = { strategy: 'BLUE_GREEN', bakeTimeInMinutes } as const

/** An Application Load Balancer whose listener forwards `/` to `one` by a rule, and by default to `two`. */
function webAccount() {
  const account = new EcsAccount()
  const web = account.loadBalancer({ Name: 'web', Type: 'application' })
  const group = (Name: string) => account.targetGroup({ Name, Protocol: 'HTTP', Port: 80 })
  const [one, two, three] = [group('one'), group('two'), group('three')]
  const listenerArn = account.listener(web, two, { Protocol: 'HTTP', Port: 88 })
  const rule = (Priority: number, ...groups: string[]) =>
    account.run(CreateRule, {
      ListenerArn: listenerArn,
      Priority,
      Conditions: [{ Field: 'path-pattern', Values: [`/${Priority}`] }],
      Actions: [
        {
          Type: 'forward',
          ForwardConfig: { TargetGroups: groups.map((arn, i) => ({ TargetGroupArn: arn, Weight: i })) },
        },
      ],
    }).Rules?.[0]?.RuleArn ?? assert.fail()
  const production = rule(1, one)
  const both = rule(2, one, two)
  const elsewhere = rule(3, three)
  const test = defaultRuleArn(account.state.listeners.get(listenerArn) ?? assert.fail())
  const advanced = (more: AdvancedConfiguration = {}): LoadBalancer => ({
    targetGroupArn: one,
    containerName: 'web',
    containerPort: 80,
    advancedConfiguration: {
      alternateTargetGroupArn: two,
      productionListenerRule: production,
      testListenerRule: test,
      ...more,
    },
  })
  return { account, one, two, three, listenerArn, production, both, elsewhere, test, advanced }
}

type Web = ReturnType<typeof webAccount>

test("a service's rules and alternate target group are given back", () => {
  const { account, advanced } = webAccount()
  const service = account.service({ deploymentConfiguration, loadBalancers: [advanced()] })
  assert.deepEqual(service.loadBalancers, [advanced()])
  assert.deepEqual(account.described().loadBalancers, [advanced()])
})

test('a rule that names both target groups needs no test rule', () => {
  const { account, both, advanced } = webAccount()
  const { testListenerRule: _, ...rest } = advanced({ productionListenerRule: both }).advancedConfiguration ?? {}
  const loadBalancers = [{ ...advanced(), advancedConfiguration: rest }]
  assert.deepEqual(account.service({ deploymentConfiguration, loadBalancers }).loadBalancers, loadBalancers)
})

for (const [what, loadBalancersOf, text] of [
  [
    'that says nowhere how traffic is shifted',
    ({ one }: Web) => [{ targetGroupArn: one, containerName: 'web', containerPort: 80 }],
    'advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy',
  ],
  [
    'that says so of one load balancer only',
    ({ advanced, three }: Web) => [advanced(), { targetGroupArn: three, containerName: 'web', containerPort: 80 }],
    'Either all or none of the provided loadBalancers must have advancedConfiguration defined',
  ],
  [
    'with one target group for both',
    ({ advanced, one }: Web) => [advanced({ alternateTargetGroupArn: one })],
    'Duplicate targetGroupArn found: arn:',
  ],
  [
    'without a target group for the next revision',
    ({ advanced }: Web) => [advanced({ alternateTargetGroupArn: undefined })],
    'alternateTargetGroupArn must be specified',
  ],
  [
    'without a rule',
    ({ advanced }: Web) => [advanced({ productionListenerRule: undefined })],
    'productionListenerRule must be specified',
  ],
  [
    'with a listener in place of a rule',
    ({ advanced, listenerArn }: Web) => [advanced({ productionListenerRule: listenerArn })],
    'productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: arn:',
  ],
  [
    'with something else in place of a test rule',
    ({ advanced, two }: Web) => [advanced({ testListenerRule: two })],
    'testListenerRule has an invalid ARN format.',
  ],
  [
    'with the same rule twice',
    ({ advanced, production }: Web) => [advanced({ testListenerRule: production })],
    'The following rules cannot be used as both production and test listener rules: arn:',
  ],
  [
    'with a rule that is not there',
    ({ advanced, production }: Web) => [advanced({ productionListenerRule: production.replace(/\w$/, 'z') })],
    'Invalid networking configuration. One or more rules not found: arn:',
  ],
  [
    'with a rule that leads elsewhere',
    ({ advanced, elsewhere }: Web) => [advanced({ productionListenerRule: elsewhere })],
    'Production listener rule is forwarding traffic to unexpected target group arn:',
  ],
  [
    'with a rule for one group and no test rule',
    ({ advanced }: Web) => [advanced({ testListenerRule: undefined })],
    'For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated with both targetGroup and alternateTargetGroup',
  ],
  [
    'with rules that leave one group out',
    ({ advanced, elsewhere }: Web) => [advanced({ testListenerRule: elsewhere })],
    'is not associated with either productionListenerRule or testListenerRule.',
  ],
  [
    'with a Classic Load Balancer among others',
    ({ advanced }: Web) => [advanced(), { loadBalancerName: 'old' }],
    'All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)',
  ],
  [
    'that shifts traffic of a Classic Load Balancer',
    () => [{ loadBalancerName: 'old', advancedConfiguration: {} }],
    'advancedConfiguration field is not allowed with ELBv1 loadBalancers',
  ],
] as const satisfies readonly (readonly [string, (web: Web) => LoadBalancer[], string])[]) {
  test(`no service is created ${what}`, () => {
    const web = webAccount()
    assert.throws(
      () => web.account.service({ deploymentConfiguration, loadBalancers: loadBalancersOf(web) }),
      awsError('InvalidParameterException', text),
    )
  })
}

test('behind a Network Load Balancer the listener need not name the other target group', () => {
  const account = new EcsAccount()
  const alternateTargetGroupArn = account.targetGroup({ Name: 'green', Protocol: 'TCP', Port: 80 })
  const advancedConfiguration = { alternateTargetGroupArn, productionListenerRule: account.listenerArn }
  const loadBalancers = account.loadBalancers.map(its => ({ ...its, advancedConfiguration }))
  assert.deepEqual(account.service({ deploymentConfiguration, loadBalancers }).loadBalancers, loadBalancers)
})

test('a service without a load balancer deploys by any strategy', () => {
  const service = new EcsAccount().service({ deploymentConfiguration: { strategy: 'CANARY' } })
  assert.equal(service.deploymentConfiguration?.canaryConfiguration?.canaryPercent, 5)
})

test('no two services have their tasks in a target group of which one shifts traffic', () => {
  const account = new EcsAccount()
  account.shiftingService()
  assert.throws(
    () => account.service({ serviceName: 'api', loadBalancers: account.loadBalancers }),
    awsError('InvalidParameterException', 'is used by the service web'),
  )
  account.service({ serviceName: 'api' })
  assert.throws(
    () => account.run(UpdateService, { service: 'api', loadBalancers: account.loadBalancers }),
    awsError('InvalidParameterException', 'is used by the service web'),
  )
})
