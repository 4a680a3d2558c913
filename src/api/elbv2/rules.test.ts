import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError, WebAccount } from './account.fixture.ts'
import { DeleteListener, ModifyListener } from './listeners.ts'
import { DeleteLoadBalancer } from './load-balancers.ts'
import { SetRulePriorities } from './rule-priorities.ts'
import { CreateRule, DeleteRule, DescribeRules, ModifyRule } from './rules.ts'
import { AddTags, DescribeTags } from './tags.ts'
import { DeleteTargetGroup, DescribeTargetGroups } from './target-groups.ts'
import { RegisterTargets } from './targets.ts'

type RuleInput = Parameters<typeof CreateRule>[0]

const pathIs = (...Values: string[]) => [{ Field: 'path-pattern', Values }]

function addRule(account: WebAccount, input: Partial<RuleInput> = {}): string {
  const output = account.run(CreateRule, {
    ListenerArn: account.http,
    Priority: 10,
    Conditions: pathIs('/api/*'),
    Actions: [{ Type: 'forward', TargetGroupArn: account.blue }],
    ...input,
  })
  return output.Rules?.[0]?.RuleArn ?? ''
}

test('a rule is shown as AWS shows it: hosts and paths, and a single target group, in both of their places', () => {
  const account = new WebAccount()
  const RuleArn = addRule(account)
  assert.match(RuleArn, /:listener-rule\/app\/web\/[0-9a-f]{16}\/[0-9a-f]{16}\/[0-9a-f]{16}$/)
  assert.deepEqual(account.run(DescribeRules, { RuleArns: [RuleArn] }).Rules, [
    {
      RuleArn,
      Priority: '10',
      Conditions: [{ Field: 'path-pattern', Values: ['/api/*'], PathPatternConfig: { Values: ['/api/*'] } }],
      Actions: [
        {
          Type: 'forward',
          Order: 1,
          TargetGroupArn: account.blue,
          ForwardConfig: {
            TargetGroups: [{ TargetGroupArn: account.blue, Weight: 1 }],
            TargetGroupStickinessConfig: { Enabled: false },
          },
        },
      ],
      IsDefault: false,
      Transforms: [],
    },
  ])
  assert.deepEqual(account.run(DescribeTargetGroups, { Names: ['blue'] }).TargetGroups?.[0]?.LoadBalancerArns, [
    account.web,
  ])
})

test("a listener's rules come by priority, page by page, the default one last", () => {
  const account = new WebAccount()
  for (const Priority of [200, 9, 50_000]) addRule(account, { Priority })
  const ListenerArn = account.http
  const first = account.run(DescribeRules, { ListenerArn, PageSize: 2 })
  const rest = account.run(DescribeRules, { ListenerArn, PageSize: 2, Marker: first.NextMarker })
  const rules = [...(first.Rules ?? []), ...(rest.Rules ?? [])]
  assert.deepEqual(
    rules.map(rule => rule.Priority),
    ['9', '200', '50000', 'default'],
  )
  const byDefault = rules.at(-1)
  assert.equal(byDefault?.IsDefault, true)
  assert.deepEqual(byDefault?.Conditions, [])
  assert.equal(byDefault?.Actions?.[0]?.FixedResponseConfig?.StatusCode, '404')
  assert.deepEqual(account.run(DescribeRules, { RuleArns: [byDefault?.RuleArn ?? ''] }).Rules, [byDefault])
  assert.throws(
    () => account.run(DescribeRules, {}),
    awsError('ValidationError', 'You must specify either listener rule ARNs or a listener ARN'),
  )
  assert.throws(
    () => account.run(DescribeRules, { RuleArns: [`${byDefault?.RuleArn}0`] }),
    awsError('RuleNotFound', ''),
  )
})

const everyCondition: Required<RuleInput>['Conditions'] = [
  { Field: 'host-header', HostHeaderConfig: { RegexValues: ['^api[0-9]+[.]example[.]com$'] } },
  { Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'User-Agent', Values: ['*Chrome*'] } },
  { Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['GET'] } },
  { Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'v', Value: '1' }] } },
  { Field: 'source-ip', SourceIpConfig: { Values: ['10.0.0.0/8'] } },
]

test('every kind of condition is kept as it was given', () => {
  const account = new WebAccount()
  const RuleArn = addRule(account, { Conditions: everyCondition })
  const [rule] = account.run(DescribeRules, { RuleArns: [RuleArn] }).Rules ?? []
  const [host, ...others] = everyCondition
  assert.deepEqual(rule?.Conditions, [{ ...host, ...host?.HostHeaderConfig }, ...others])
})

for (const [what, conditions, text] of [
  ['no condition', [], 'A condition must be specified'],
  ['a condition without a field', [{ Values: ['/a'] }], 'A condition field must be specified'],
  ['an unknown field', [{ Field: 'cookie', Values: ['a'] }], "Condition field 'cookie' must be one of '[path-pattern,"],
  ['no value', [{ Field: 'path-pattern' }], 'A condition value must be specified'],
  ['an empty value', pathIs(''), 'A condition value must be specified'],
  ['a long path', pathIs(`/${'a'.repeat(128)}`), "The 'path-pattern' value is too long; the limit is '128'"],
  ['a path with a question', pathIs('/a b'), "The 'path-pattern' value is invalid"],
  ['two path conditions', [...pathIs('/a'), ...pathIs('/b')], "A rule can only have '1' 'path-pattern' condition"],
  ['six values', pathIs('/1', '/2', '/3', '/4', '/5', '/6'), "A rule can only have '5' condition values"],
  ['seven wildcards', pathIs('/*/*/*/*', '/?/?/?'), "A rule can only have '6' condition wildcards"],
  ['a host without a period', [{ Field: 'host-header', Values: ['localhost'] }], 'it must have a period'],
  ['a host that is an address', [{ Field: 'host-header', Values: ['127.0.0.1'] }], 'only letters after its last one'],
  ['a host with a port', [{ Field: 'host-header', Values: ['example.com:80'] }], "The 'host-header' value is invalid"],
  [
    'values in two places',
    [{ Field: 'host-header', Values: ['a.com'], HostHeaderConfig: { Values: ['a.com'] } }],
    "You cannot provide both Values and 'HostHeaderConfig' for a condition of type 'host-header'",
  ],
  [
    'a look-behind',
    [{ Field: 'path-pattern', PathPatternConfig: { RegexValues: ['(?<=a)b'] } }],
    "The 'path-pattern' regex value '(?<=a)b' is invalid",
  ],
  [
    'the Host header',
    [{ Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'host', Values: ['a'] } }],
    "The 'HttpHeaderName' cannot be 'Host'",
  ],
  [
    'a header name with a wildcard',
    [{ Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'X-*', Values: ['a'] } }],
    'without wildcards',
  ],
  [
    'a small method',
    [{ Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['get'] } }],
    "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore",
  ],
  [
    'a query key without a value',
    [{ Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'a' }] } }],
    "A 'Value' must be specified in 'QueryStringKeyValuePair'",
  ],
  ['an address', [{ Field: 'source-ip', SourceIpConfig: { Values: ['10.0.0.1'] } }], 'is not a valid CIDR block'],
  [
    'the broadcast address',
    [{ Field: 'source-ip', SourceIpConfig: { Values: ['255.255.255.255/32'] } }],
    'is not a valid CIDR block',
  ],
] as const) {
  test(`a rule with ${what} is refused`, () => {
    const account = new WebAccount()
    const { state } = account
    const Conditions = conditions as unknown as RuleInput['Conditions']
    assert.throws(() => addRule(account, { Conditions }), awsError('ValidationError', text))
    assert.equal(account.state, state)
  })
}

test('a priority is taken once in a listener, and may be taken again in another', () => {
  const account = new WebAccount()
  addRule(account)
  assert.throws(() => addRule(account), awsError('PriorityInUse', "Priority '10' is currently in use"))
  addRule(account, { ListenerArn: account.httpListener({ Port: 81 }) })
})

test('rules change places at once, and only if nobody else has theirs', () => {
  const account = new WebAccount()
  const [a, b, c] = [1, 2, 3].map(Priority => addRule(account, { Priority }))
  const set = (...pairs: (readonly [string | undefined, number])[]) =>
    account.run(SetRulePriorities, { RulePriorities: pairs.map(([RuleArn, Priority]) => ({ RuleArn, Priority })) })
  assert.deepEqual(
    set([a, 2], [b, 1]).Rules?.map(rule => [rule.RuleArn, rule.Priority]),
    [
      [a, '2'],
      [b, '1'],
    ],
  )
  const { state } = account
  assert.throws(() => set([a, 5], [b, 3]), awsError('PriorityInUse', "Priority '3' is currently in use"))
  assert.throws(() => set([a, 5], [b, 5]), awsError('ValidationError', "Priority '5' was provided multiple times"))
  assert.throws(() => set([a, 5], [a, 6]), awsError('ValidationError', 'was provided multiple times'))
  assert.throws(() => set([`${c}0`, 5]), awsError('RuleNotFound', 'One or more rules not found'))
  const [byDefault] = account.run(DescribeRules, { ListenerArn: account.http }).Rules?.toReversed() ?? []
  assert.throws(() => set([byDefault?.RuleArn, 5]), awsError('OperationNotPermitted', 'default rule'))
  assert.equal(account.state, state)
})

test('the default rule is neither modified nor deleted, and has the tags of its listener', () => {
  const account = new WebAccount()
  const RuleArn = account.run(DescribeRules, { ListenerArn: account.http }).Rules?.[0]?.RuleArn ?? ''
  const refused = awsError('OperationNotPermitted', `Default rule '${RuleArn}'`)
  assert.throws(() => account.run(DeleteRule, { RuleArn }), refused)
  assert.throws(() => account.run(ModifyRule, { RuleArn, Conditions: pathIs('/') }), refused)
  assert.throws(() => account.run(AddTags, { ResourceArns: [RuleArn], Tags: [{ Key: 'a' }] }), refused)
  assert.deepEqual(account.run(DescribeTags, { ResourceArns: [RuleArn] }).TagDescriptions?.[0]?.Tags, [])
})

test('modifying a rule replaces what is given and keeps the rest', () => {
  const account = new WebAccount()
  const RuleArn = addRule(account, { Tags: [{ Key: 'team', Value: 'a' }] })
  const modify = (input: Partial<Parameters<typeof ModifyRule>[0]>) =>
    account.run(ModifyRule, { RuleArn, ...input }).Rules?.[0]
  const moved = modify({ Conditions: pathIs('/v2/*') })
  assert.deepEqual(moved?.Conditions?.[0]?.Values, ['/v2/*'])
  assert.equal(moved?.Actions?.[0]?.TargetGroupArn, account.blue)
  const answered = modify({ Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '503' } }] })
  assert.deepEqual(answered?.Conditions?.[0]?.Values, ['/v2/*'])
  assert.equal(answered?.Actions?.[0]?.Type, 'fixed-response')
  account.run(AddTags, { ResourceArns: [RuleArn], Tags: [{ Key: 'stage', Value: 'b' }] })
  assert.deepEqual(account.run(DescribeTags, { ResourceArns: [RuleArn] }).TagDescriptions?.[0]?.Tags, [
    { Key: 'team', Value: 'a' },
    { Key: 'stage', Value: 'b' },
  ])
  assert.throws(() => modify({}), awsError('ValidationError', 'Either conditions or actions must be specified'))
  account.run(DeleteRule, { RuleArn })
  assert.throws(() => account.run(DeleteRule, { RuleArn }), awsError('RuleNotFound', 'One or more rules not found'))
})

test('a target group that a rule names is in use', () => {
  const account = new WebAccount()
  const RuleArn = addRule(account)
  assert.throws(
    () => account.run(DeleteTargetGroup, { TargetGroupArn: account.blue }),
    awsError('ResourceInUse', 'a rule'),
  )
  const other = account.loadBalancer({ Name: 'other', Type: 'application' })
  const DefaultActions = [{ Type: 'forward' as const, TargetGroupArn: account.blue }]
  assert.throws(
    () => account.listener(other, '', { Protocol: 'HTTP', Port: 81, DefaultActions }),
    awsError('TargetGroupAssociationLimit', account.blue),
  )
  account.run(DeleteRule, { RuleArn })
  account.run(DeleteTargetGroup, { TargetGroupArn: account.blue })
})

test('rules go with their listener, and with their load balancer', () => {
  const account = new WebAccount()
  addRule(account)
  account.run(DeleteListener, { ListenerArn: account.http })
  assert.equal(account.state.rules.size, 0)
  addRule(account, { ListenerArn: account.httpListener() })
  account.run(DeleteLoadBalancer, { LoadBalancerArn: account.web })
  assert.equal(account.state.rules.size, 0)
})

test('what is not offered is said, and that rules belong to Application Load Balancers', () => {
  const account = new WebAccount()
  assert.throws(
    () => addRule(account, { Transforms: [{ Type: 'url-rewrite' }] }),
    awsError('InvalidConfigurationRequest', 'Transforms are not offered here yet'),
  )
  assert.throws(() => addRule(account, { Actions: [] }), awsError('ValidationError', 'An action must be specified'))
  const ListenerArn = account.listener(account.loadBalancer(), account.targetGroup({ Name: 'udp' }))
  assert.throws(
    () => addRule(account, { ListenerArn }),
    awsError('UnsupportedProtocol', 'Rules are not supported on listeners with the UDP protocol'),
  )
})

test('a load balancer has at most 100 rules beside the default ones', () => {
  const account = new WebAccount()
  const second = account.httpListener({ Port: 81 })
  for (let i = 1; i <= 50; i++) {
    addRule(account, { Priority: i })
    addRule(account, { Priority: i, ListenerArn: second })
  }
  assert.throws(() => addRule(account, { Priority: 51 }), awsError('TooManyRules', 'more than 100 rules'))
})

test('a load balancer forwards to at most 100 target groups', () => {
  const account = new WebAccount()
  const forward = (from: number) => [
    {
      Type: 'forward' as const,
      ForwardConfig: {
        TargetGroups: Array.from({ length: 5 }, (_, i) => ({
          TargetGroupArn: account.httpGroup({ Name: `g${from + i}` }),
          Weight: 1,
        })),
      },
    },
  ]
  for (let i = 0; i < 20; i++) addRule(account, { Priority: i + 1, Actions: forward(5 * i) })
  assert.throws(
    () => addRule(account, { Priority: 21 }),
    awsError('TooManyUniqueTargetGroupsPerLoadBalancer', 'more than 100 target groups'),
  )
})

test('a load balancer serves at most 1000 targets, those of its rules included', () => {
  const account = new WebAccount()
  addRule(account)
  addRule(account, { Priority: 11, Actions: [{ Type: 'forward', TargetGroupArn: account.green }] })
  const register = (TargetGroupArn: string, count: number) =>
    account.run(RegisterTargets, {
      TargetGroupArn,
      Targets: Array.from({ length: count }, (_, i) => ({ Id: '127.0.0.5', Port: 1000 + i })),
    })
  register(account.blue, 600)
  assert.throws(
    () => register(account.green, 401),
    awsError('TooManyTargets', 'more than 1000 targets per application'),
  )
  register(account.green, 400)
})

test('a listener takes another protocol only if its rules can do what they say on it', () => {
  const account = new WebAccount()
  const https = account.httpsListener()
  const grpc = account.httpGroup({ Name: 'grpc', ProtocolVersion: 'GRPC' })
  addRule(account, { ListenerArn: https, Actions: [{ Type: 'forward', TargetGroupArn: grpc }] })
  assert.throws(
    () => account.run(ModifyListener, { ListenerArn: https, Protocol: 'HTTP' }),
    awsError(
      'InvalidLoadBalancerAction',
      "Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'",
    ),
  )
})
