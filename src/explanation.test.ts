import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFlow } from './domain/explain.ts'
import {
  applicationLoadBalancer,
  certificate,
  health,
  healthOf,
  httpListener,
  instance,
  listener,
  loadBalancer,
  now,
  rule,
  securityGroup,
  stateWith,
  target,
  targetGroup,
} from './domain/state.fixture.ts'
import { explainFlow } from './explanation.ts'
import { nodeReports } from './feed/node-reports.fixture.ts'
import { nodeViewer } from './node-view.ts'

const healthy = healthOf({
  '10.0.1.10': health('healthy', { results: [{ at: now, ok: true, ms: 1, reason: 'connected in 1 ms' }] }),
})

function stateOf(extra: Parameters<typeof stateWith>[0] = {}) {
  return stateWith({
    loadBalancers: [loadBalancer({ name: 'web', securityGroups: ['sg-1'] })],
    securityGroups: [securityGroup('sg-1', [['tcp 80-80', { cidrIpv4: '10.9.0.0/24' }]])],
    listeners: [listener()],
    targetGroups: [
      targetGroup({ arn: 'arn:tg', targets: [target('10.0.1.10'), target('10.0.1.11')] }),
      targetGroup({ arn: 'arn:green', targets: [target('10.0.1.12')] }),
    ],
    ...extra,
  })
}

function explained(
  { from = '10.9.0.2:5555', to = '10.0.1.4:80', state = stateOf(), onCards = [] as readonly string[] },
  reports: Parameters<typeof nodeReports>[0] = {},
) {
  const feed = nodeReports({ applied: {}, health: healthy, ...reports })
  const flow = parseFlow('tcp', from, to)
  assert.ok(flow)
  const { isServed, lines } = explainFlow(nodeViewer(feed)(state, now), feed, flow, now, new Set(onCards))
  return [isServed ? 'served' : 'not served', ...lines].join('\n')
}

test('a flow that is served: each step and what made it so', () => {
  assert.equal(
    explained({}),
    `served
A new TCP flow 10.9.0.2:5555 -> 10.0.1.4:80
  listener  TCP 10.0.1.4 80 of web, in the kernel
  admitted  10.9.0.2 is in 10.9.0.0/24 of sg-1
  group     arn:tg in zone a, weight 1 of 1
  target    10.0.1.10:8080, slot 183 of 211, by the flow
  health    healthy; connected in 1 ms
A flow that is established keeps its target; this is where a new one goes.`,
  )
})

test('weights and stickiness are told', () => {
  const sticky = { 'stickiness.enabled': 'true' }
  const forward = [
    { targetGroupArn: 'arn:tg', weight: 90 },
    { targetGroupArn: 'arn:green', weight: 10 },
  ]
  const state = stateOf({
    listeners: [listener({ forward })],
    targetGroups: [
      targetGroup({ attributes: sticky, targets: [target('10.0.1.10')] }),
      targetGroup({ arn: 'arn:green' }),
    ],
  })
  const text = explained({ state })
  assert.match(text, /group {5}arn:tg in zone a, weight 90 of 100: the flow's share is \d+ of 1048576\n/)
  assert.match(text, /target {4}10\.0\.1\.10:8080, slot \d+ of 65537, by the client address alone\n/)
})

const userspace = { listener: 'TCP 10.0.1.4 80', listenerArn: 'arn:listener', reason: 'proxy protocol' }
const guarded = {
  instances: [instance('i-1', { securityGroups: ['sg-app'] })],
  securityGroups: [securityGroup('sg-1', [['-1', { cidrIpv4: '0.0.0.0/0' }]]), securityGroup('sg-app', [])],
  targetGroups: [targetGroup({ targetType: 'instance', targets: [target('i-1')] })],
}
const tables: [string, Parameters<typeof explained>[0], Parameters<typeof nodeReports>[0], RegExp][] = [
  [
    'no listener',
    { to: '10.0.1.4:81' },
    {},
    /^not served\n.*\n {2}listener {2}none is TCP 10\.0\.1\.4 81; there are TCP 10\.0\.1\.4 80$/,
  ],
  ['nothing there', { to: '10.0.1.5:80' }, {}, /^not served\n.*; nor anything else at that address$/s],
  [
    'not admitted',
    { from: '192.0.2.7:5' },
    {},
    /^not served\n.*\n {2}refused {3}192\.0\.2\.7 is not in what sg-1 admits: 10\.9\.0\.0\/24$/s,
  ],
  [
    'a client of this host',
    { from: '127.0.0.1:5' },
    {},
    /refused {3}127\.0\.0\.1, which counts as 10\.0\.1\.4, is not in/,
  ],
  ['the listener itself', { from: '10.0.1.4:80' }, {}, /^not served\n.*dropped {3}the listener itself is no client$/s],
  [
    'a problem',
    {},
    { applied: { problems: [{ ...userspace, reason: 'port 80 is taken' }] } },
    /^not served\n.*listener {2}TCP 10\.0\.1\.4 80 of web is NOT IN PLACE: port 80 is taken\n/s,
  ],
  [
    'a problem with its target',
    {},
    { applied: { problems: [{ ...userspace, target: '10.0.1.10:8080', reason: 'its replies take another way' }] } },
    /^not served\n.* of web, in the kernel\n.*\n {2}problem {3}its replies take another way$/s,
  ],
  [
    'a problem with another target',
    {},
    { applied: { problems: [{ ...userspace, target: '10.0.1.11:8080', reason: 'its replies take another way' }] } },
    /^served\n.* of web, in the kernel\n/s,
  ],
  ['userspace', {}, { applied: { fallbacks: [userspace] } }, /^served\n.* of web, in userspace: proxy protocol\n/s],
  [
    'nobody serves',
    {
      state: stateOf({
        targetGroups: [targetGroup({ targets: [target('10.0.1.10', { deregistration: { until: now + 9 } })] })],
      }),
    },
    {},
    /^not served\n.*target {4}none of its 1 targets takes new flows, and its weight is not handed on/s,
  ],
  [
    'no targets',
    { state: stateOf({ targetGroups: [targetGroup()] }) },
    {},
    /^not served\n.*target {4}it has no targets/s,
  ],
  [
    'no weight',
    { state: stateOf({ listeners: [listener({ forward: [{ targetGroupArn: 'arn:tg', weight: 0 }] })] }) },
    {},
    /^not served\n.*group {5}none of its target groups has a weight$/s,
  ],
  [
    'fail open',
    {},
    { health: healthOf({ '10.0.1.10': health('unhealthy'), '10.0.1.11': health('unhealthy') }) },
    /^served\n.*health {4}unhealthy; it serves all the same, since the group fails open\n/s,
  ],
  [
    'a target’s own groups',
    { state: stateOf(guarded) },
    {},
    /^not served\n.*refused {3}i-1's own security groups do not admit it$/s,
  ],
  [
    'a target’s own groups, in userspace',
    { state: stateOf(guarded) },
    { applied: { fallbacks: [userspace] } },
    /^served\n.*note {6}i-1's own security groups do not admit it, which userspace cannot enforce\n/s,
  ],
  [
    'the groups of an instance that is this host',
    { state: stateOf(guarded), onCards: ['10.0.1.20'] },
    {},
    /^served\n.*note {6}i-1's own security groups do not admit it; they are not enforced, as it is this host itself\n/s,
  ],
  [
    'a held switch',
    {},
    {
      applied: {
        held: [{ listenerArn: 'arn:listener', until: now, forward: [{ targetGroupArn: 'arn:green', weight: 5 }] }],
      },
    },
    /^served\n.*group {5}arn:green in zone a, weight 5 of 5\n.*\nIts switch to other target groups is held until one .* 2026-01-01T/s,
  ],
  [
    'a switch that AWS’s timing delays',
    {},
    { applied: { delayed: [{ listenerArn: 'arn:listener', until: now, forward: [] }] } },
    /Its switch to other target groups is made at 2026-01-01T.*: AWS's timing is played/,
  ],
  ['no node', {}, { nodeConnected: false }, /\nThe node process is not connected/],
  ['a node behind', {}, { applied: { revision: 0 } }, /\nThe node has revision 0 in place; this is revision 1\.\n/],
]
for (const [title, asked, reports, said] of tables) {
  test(`the explanation says: ${title}`, () => assert.match(explained(asked, reports), said))
}

test('a connection to an HTTPS listener: its rules, and how many targets would take their requests', () => {
  const state = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [
      httpListener({ protocol: 'HTTPS', tls: { defaultCertificate: 'arn:one', certificates: [], sslPolicy: 'P' } }),
    ],
    rules: [
      rule(50_000, { forward: [...listener().forward, { targetGroupArn: 'arn:green', weight: 0 }] }),
      rule(2, { forward: [], answer: { type: 'fixed-response', statusCode: 404 } }),
    ],
    targetGroups: [
      targetGroup({ protocol: 'HTTP', targets: [target('10.0.1.10'), target('10.0.1.11')] }),
      targetGroup({ arn: 'arn:green', protocol: 'HTTP' }),
    ],
    certificates: [certificate('arn:one')],
  })
  const held = [{ listenerArn: 'arn:http', ruleArn: 'arn:rule:2', until: now, forward: [] }]
  assert.equal(
    explained({ state }, { applied: { held } }),
    `served
A new TCP flow 10.9.0.2:5555 -> 10.0.1.4:80
  listener  TCP 10.0.1.4 80 of site, in userspace: it speaks HTTPS
  admitted  the load balancer has no security groups: everyone is
  rule 2    path-pattern /2: fixed-response 404
  rule 50000 path-pattern /50000: arn:tg, weight 1 (1 of 2 targets serve); arn:green, weight 0 (0 of 0 targets serve)
  otherwise arn:tg (1 of 2 targets serve)
The switch of its rule 2 to other target groups is held until one of their targets is healthy, at most until 2026-01-01T00:00:00.000Z.
Each request of a connection is judged by itself: the first rule counts of which all conditions hold.`,
  )
})
