import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balancerArn, blueArn, design, found, greenArn, idsOf, productionArn } from './design.fixture.ts'
import { findingsOf } from './findings.ts'

const applicationArn = balancerArn.replace('/net/', '/app/')
const alone = (arn: string) => [{ targetGroupArn: arn, weight: 1 }]
const both = (weight: number) => [...alone(blueArn), { targetGroupArn: greenArn, weight }]
const waiting = { readyOption: { action: 'STOP_DEPLOYMENT', waitMinutes: 5 } } as const

test('a sound design has nothing found, with CodeDeploy, and with ECS', () => {
  assert.deepEqual(findingsOf(design()), [])
  assert.deepEqual(findingsOf(design({ settings: {} })), [])
})

test('S2.9: a pair that no listener keeps in use goes dark at a rollback; the dummy listener of the cure keeps it', () => {
  const { severity, text, consequence, here, commands } = found('orphan', { dummy: false })
  assert.equal(severity, 'error')
  assert.match(text, /names blue and green/)
  assert.equal(consequence, 'At a rollback to blue or green the listeners at 80 and 8080 answer nothing for 70-80 s.')
  assert.match(here ?? '', /loses nothing/)
  assert.deepEqual(commands, [
    `aws elbv2 create-listener --load-balancer-arn ${balancerArn} --protocol TCP --port 10000 --default-actions ` +
      `'[{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"${blueArn}","Weight":1},{"TargetGroupArn":"${greenArn}","Weight":1}]}}]'`,
  ])
})

test('a dummy listener keeps what it names, at any weight, and no more', () => {
  const half = found('orphan', { dummy: { forward: alone(greenArn) } })
  assert.match(half.consequence, /^At a rollback to blue the listeners/)
  assert.deepEqual(idsOf({ dummy: { forward: both(0) } }), [])
})

test('weight 0 in the production listener keeps both, and the cure says how', () => {
  const { cure } = found('orphan', { dummy: false })
  const named = (arn: string, weight: number) => `{"TargetGroupArn":"${arn}","Weight":${weight}}`
  const actions = `[{"Type":"forward","ForwardConfig":{"TargetGroups":[${named(blueArn, 1)},${named(greenArn, 0)}]}}]`
  assert.ok(
    cure.endsWith(`aws elbv2 modify-listener --listener-arn ${productionArn} --default-actions '${actions}'`),
    cure,
  )
  assert.deepEqual(idsOf({ dummy: false, production: { forward: both(0) } }), [])
})

test('what a deployment of ours has left in the production listener keeps nothing: on AWS it would not be there', () => {
  const [first, second] = both(0)
  const left = [first!, { ...second!, added: true as const }]
  assert.equal(idsOf({ dummy: false, production: { forward: left } }).includes('orphan'), true)
})

test('orphans do no harm behind an Application Load Balancer, nor with ECS, which waits', () => {
  const behindAlb = {
    balancer: { arn: applicationArn, type: 'application' },
    production: { loadBalancerArn: applicationArn, protocol: 'HTTP' },
    test: { loadBalancerArn: applicationArn, protocol: 'HTTP' },
    dummy: false,
  } as const
  assert.deepEqual(idsOf(behindAlb), [])
  assert.deepEqual(idsOf({ dummy: false, settings: {} }), [])
})

test('S2.6: without a dummy listener, a move without a waiting time loses requests in 2 or 3 of 10 deployments', () => {
  const { consequence, commands } = found('hasty-move', { dummy: false })
  assert.match(consequence, /^In 2 or 3 of 10 deployments to blue or green the listener at 80 answers nothing/)
  assert.match(commands[0] ?? '', /"actionOnTimeout":"STOP_DEPLOYMENT","waitTimeInMinutes":60/)
  assert.match(commands[0] ?? '', /"terminationWaitTimeInMinutes":5/, 'the rest stays')
  assert.equal(idsOf({}).includes('hasty-move'), false)
})

test('S2.7: five minutes on the test listener are enough for the move, though not for a rollback', () => {
  assert.deepEqual(idsOf({ dummy: false, group: waiting }), ['orphan'])
  const short = { readyOption: { action: 'STOP_DEPLOYMENT', waitMinutes: 4 } } as const
  assert.match(found('hasty-move', { dummy: false, group: short }).text, /for at most 240 s/)
})

test('to wait is no use where there is no test listener', () => {
  const state = design({ dummy: false, group: waiting })
  const [key, { testListenerArn, ...group }] = [...state.deploymentGroups][0]!
  const found = findingsOf({ ...state, deploymentGroups: new Map([[key, group]]) })
  const hasty = found.find(({ id }) => id === 'hasty-move')
  assert.match(hasty?.text ?? '', /neither a test listener nor a dummy/)
  assert.deepEqual(hasty?.commands, [])
})

test('a TLS dummy has the certificate of production', () => {
  const tls = { defaultCertificate: 'arn:cert', certificates: [], sslPolicy: 'ELBSecurityPolicy-2016-08' }
  const { commands } = found('orphan', { dummy: false, production: { protocol: 'TLS', tls } })
  assert.match(
    commands[0] ?? '',
    /--protocol TLS .*--certificates CertificateArn=arn:cert --ssl-policy ELBSecurityPolicy-2016-08/,
  )
})

test('the dummy gets a port at which neither a listener nor a target is', () => {
  const { commands } = found('orphan', {
    dummy: { forward: alone(greenArn) },
    blue: { targets: [{ id: '127.0.0.1', port: 10_001 }] },
  })
  assert.match(commands[0] ?? '', /--port 10002 /)
})
