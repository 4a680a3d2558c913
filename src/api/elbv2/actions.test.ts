import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2'
import { awsError, WebAccount } from './account.fixture.ts'
import { ModifyTargetGroupAttributes } from './attributes.ts'
import { ModifyListener } from './listeners.ts'

/** What the listener on HTTP port 80 shows once it was given this action. */
function given(account: WebAccount, action: Action, ListenerArn = account.http): Action | undefined {
  return account.run(ModifyListener, { ListenerArn, DefaultActions: [action] }).Listeners?.[0]?.DefaultActions?.[0]
}

const redirect = (RedirectConfig: Omit<NonNullable<Action['RedirectConfig']>, 'StatusCode'>): Action => ({
  Type: 'redirect',
  RedirectConfig: { StatusCode: 'HTTP_301', ...RedirectConfig },
})

test('a redirect is shown with the keywords of what was not given', () => {
  assert.deepEqual(given(new WebAccount(), redirect({ Protocol: 'HTTPS', Port: '443' })), {
    Type: 'redirect',
    Order: 1,
    RedirectConfig: {
      Protocol: 'HTTPS',
      Port: '443',
      Host: '#{host}',
      Path: '/#{path}',
      Query: '#{query}',
      StatusCode: 'HTTP_301',
    },
  })
})

test("an action's place is shown as it was given, 1 where it was not", () => {
  const account = new WebAccount()
  const fixed: Action = { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } }
  for (const action of [fixed, redirect({ Port: '81' }), { Type: 'forward', TargetGroupArn: account.blue } as const]) {
    assert.equal(given(account, { ...action, Order: 5 })?.Order, 5)
    assert.equal(given(account, action)?.Order, 1)
  }
  const input = { Port: 81, DefaultActions: [fixed] }
  const arn = account.httpListener(input)
  assert.equal(account.httpListener({ ...input, DefaultActions: [{ ...fixed, Order: 1 }] }), arn)
})

for (const [what, config, text] of [
  ['changes nothing', {}, 'creates a loop'],
  ['says what is so anyway', { Protocol: 'HTTP', Port: '80' }, 'creates a loop'],
  ['says the path as it is', { Path: '/#{path}', Query: 'a=b' }, 'creates a loop'],
  ['has a relative path', { Path: 'new' }, "must begin with '/'"],
  ['has port 0', { Port: '0' }, "The Redirect Port '0'"],
  ['has port 65536', { Port: '65536' }, "The Redirect Port '65536'"],
  ['has an unknown keyword', { Path: '/#{user}' }, "cannot contain the keyword '#{user}'"],
  ['has the query in its path', { Path: '/#{query}' }, "cannot contain the keyword '#{query}'"],
  ['has a keyword that does not end', { Path: '/#{path' }, "'/#{path'"],
  ['breaks the line', { Host: 'a.com\r\nX: y' }, 'printable ASCII'],
] as const) {
  test(`a redirect that ${what} is refused`, () => {
    assert.throws(() => given(new WebAccount(), redirect(config)), awsError('InvalidLoadBalancerAction', text))
  })
}

test('HTTPS is not redirected to HTTP, but to another host it is', () => {
  const account = new WebAccount()
  const https = account.httpsListener()
  assert.throws(
    () => given(account, redirect({ Protocol: 'HTTP', Host: 'a.com' }), https),
    awsError('InvalidLoadBalancerAction', 'You cannot redirect HTTPS to HTTP'),
  )
  assert.throws(
    () => given(account, redirect({ Protocol: 'HTTPS', Port: '443' }), https),
    awsError('InvalidLoadBalancerAction', 'creates a loop'),
  )
  assert.equal(given(account, redirect({ Host: 'www.#{host}' }), https)?.RedirectConfig?.Host, 'www.#{host}')
  const index = redirect({ Path: '/#{path}index.html' })
  assert.equal(given(account, index, https)?.RedirectConfig?.Path, '/#{path}index.html')
})

test('a fixed response is shown as it was given', () => {
  const FixedResponseConfig = { StatusCode: '200', ContentType: 'application/json', MessageBody: '{"ok":true}' }
  assert.deepEqual(given(new WebAccount(), { Type: 'fixed-response', FixedResponseConfig }), {
    Type: 'fixed-response',
    Order: 1,
    FixedResponseConfig,
  })
  assert.throws(
    () =>
      given(new WebAccount(), {
        Type: 'fixed-response',
        FixedResponseConfig: { StatusCode: '200', ContentType: 'image/png' },
      }),
    awsError('InvalidLoadBalancerAction', "The ContentType must be one of:'text/html', 'application/json'"),
  )
  assert.throws(
    () => given(new WebAccount(), { Type: 'fixed-response' }),
    awsError('InvalidLoadBalancerAction', "you must specify the following fields: 'FixedResponseConfig'"),
  )
  assert.throws(
    () => given(new WebAccount(), { Type: 'fixed-response', FixedResponseConfig: { StatusCode: undefined } }),
    awsError('ValidationError', 'A status code must be specified'),
  )
})

test('an action in place of another leaves nothing of it', () => {
  const account = new WebAccount()
  const forward = given(account, { Type: 'forward', TargetGroupArn: account.blue })
  assert.equal(forward?.FixedResponseConfig, undefined)
  assert.equal(forward?.TargetGroupArn, account.blue)
  given(account, redirect({ Protocol: 'HTTPS' }))
  assert.deepEqual(account.state.listeners.get(account.http)?.forward, [])
})

function weighted(account: WebAccount, TargetGroupStickinessConfig?: { Enabled: boolean; DurationSeconds?: number }) {
  const TargetGroups = [
    { TargetGroupArn: account.blue, Weight: 3 },
    { TargetGroupArn: account.green, Weight: 1 },
  ]
  return { Type: 'forward', ForwardConfig: { TargetGroups, TargetGroupStickinessConfig } } satisfies Action
}

for (const stickiness of [
  { Enabled: true, DurationSeconds: 60 },
  { Enabled: false, DurationSeconds: 3600 },
  { Enabled: false },
]) {
  test(`a weighted forward keeps ${JSON.stringify(stickiness)}`, () => {
    const account = new WebAccount()
    const shown = given(account, weighted(account, stickiness))
    assert.deepEqual(shown, { ...weighted(account, stickiness), Order: 1 })
    const its = account.state.listeners.get(account.http)
    assert.equal(its?.stickySeconds, stickiness.Enabled ? stickiness.DurationSeconds : undefined)
  })
}

test('stickiness of groups has a duration within a week', () => {
  const account = new WebAccount()
  for (const [DurationSeconds, text] of [
    [undefined, 'A duration must be specified'],
    [0, 'between 1 and 604800'],
    [604_801, 'between 1 and 604800'],
  ] as const) {
    const stickiness = { Enabled: true, ...(DurationSeconds !== undefined && { DurationSeconds }) }
    assert.throws(() => given(account, weighted(account, stickiness)), awsError('ValidationError', text))
  }
})

test('where a client keeps its target it must keep its target group, whichever was asked for first', () => {
  const needed =
    'You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups'
  const stick = (account: WebAccount) =>
    account.run(ModifyTargetGroupAttributes, {
      TargetGroupArn: account.green,
      Attributes: [{ Key: 'stickiness.enabled', Value: 'true' }],
    })
  const first = new WebAccount()
  stick(first)
  assert.throws(() => given(first, weighted(first)), awsError('InvalidLoadBalancerAction', needed))
  given(first, weighted(first, { Enabled: true, DurationSeconds: 60 }))
  const second = new WebAccount()
  given(second, weighted(second))
  assert.throws(() => stick(second), awsError('InvalidConfigurationRequest', needed))
})

for (const Type of ['authenticate-oidc', 'authenticate-cognito', 'jwt-validation'] as const) {
  test(`an action of type ${Type} is said not to be offered, alone or before another`, () => {
    const account = new WebAccount()
    const refused = awsError('InvalidLoadBalancerAction', `'${Type}' is not offered here yet`)
    const set = (...DefaultActions: Action[]) =>
      account.run(ModifyListener, { ListenerArn: account.http, DefaultActions })
    assert.throws(() => set({ Type }), refused)
    assert.throws(() => set({ Type }, { Type: 'forward', TargetGroupArn: account.blue }), refused)
  })
}

for (const [listener, group, good] of [
  ['HTTP', { Protocol: 'HTTP' }, true],
  ['HTTP', { Protocol: 'HTTPS' }, true],
  ['HTTPS', { Protocol: 'HTTP' }, true],
  ['HTTPS', { Protocol: 'HTTP', ProtocolVersion: 'HTTP2' }, true],
  ['HTTP', { Protocol: 'TCP' }, false],
  ['HTTPS', { Protocol: 'TLS' }, false],
  ['HTTP', { Protocol: 'TCP', TargetType: 'alb' }, false],
] as const) {
  test(`an ${listener} listener ${good ? 'forwards' : 'does not forward'} to ${JSON.stringify(group)}`, () => {
    const account = new WebAccount()
    const arn = listener === 'HTTP' ? account.http : account.httpsListener()
    const TargetGroupArn = account.httpGroup({ Name: 'other', ...group })
    const set = () => given(account, { Type: 'forward', TargetGroupArn }, arn)
    if (good) assert.equal(set()?.TargetGroupArn, TargetGroupArn)
    else assert.throws(set, awsError('IncompatibleProtocols', TargetGroupArn))
  })
}
