import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBuilder } from './build-snapshot.ts'
import { printSnapshot } from './print-snapshot.ts'
import {
  applicationLoadBalancer,
  certificate,
  health,
  healthOf,
  httpListener,
  loadBalancer,
  now,
  rule,
  stateWith,
  target,
  targetGroup,
} from './state.fixture.ts'
import type { State } from './state.ts'

const to = (...names: string[]) => names.map(name => ({ targetGroupArn: `arn:${name}`, weight: 1 }))
const group = (name: string, attributes = {}) => targetGroup({ arn: `arn:${name}`, protocol: 'HTTP', attributes })
const zonal = { 'load_balancing.cross_zone.enabled': 'false' }

test('an HTTP listener has its rules by priority, the default one last, and its groups are cross-zone', () => {
  const state = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [httpListener()],
    rules: [
      rule(20, { forward: [], answer: { type: 'fixed-response', statusCode: 404 } }),
      rule(3, { forward: to('tg', 'blue'), stickySeconds: 60 }),
    ],
    targetGroups: [
      targetGroup({ protocol: 'HTTP', targets: ['10.0.1.10', '10.0.2.10'].map(id => target(id)) }),
      group('blue', { 'stickiness.enabled': 'true', 'load_balancing.algorithm.type': 'least_outstanding_requests' }),
    ],
  })
  const known = healthOf({ '10.0.1.10': health('healthy'), '10.0.2.10': health('unhealthy') })
  const { snapshot } = snapshotBuilder()(state, known, now)
  const each = (address: string) => `listener TCP ${address} 80, idle 60 s, admits everyone
  HTTP app/site/50dc6c495c0c9188
  rule 3, sticky 60 s
    if path-pattern /3
    1 arn:tg TCP *
    1 arn:blue TCP *
  rule 20
    if path-pattern /20
    fixed-response 404
  rule default
    1 arn:tg TCP *
`
  assert.equal(
    printSnapshot(snapshot),
    `revision 1
${each('10.0.1.4')}${each('10.0.2.4')}group arn:tg TCP *, HTTP1, round_robin
  serve 10.0.1.10 8080
  drain 10.0.2.10 8080
group arn:blue TCP *, HTTP1, least_outstanding_requests, cookie of the load balancer for 86400 s
`,
  )
  const [first, second] = snapshot.listeners
  assert.equal(first?.http, second?.http)
})

test('an HTTPS listener has the certificates that exist, once each, and the settings of its attributes', () => {
  const state = stateWith({
    loadBalancers: [
      applicationLoadBalancer({
        zones: applicationLoadBalancer().zones.slice(0, 1),
        attributes: {
          'idle_timeout.timeout_seconds': '5',
          'routing.http.desync_mitigation_mode': 'strictest',
          'access_logs.s3.enabled': 'true',
          'access_logs.s3.bucket': 'logs',
          'access_logs.s3.prefix': 'web',
        },
      }),
    ],
    listeners: [
      httpListener({
        protocol: 'HTTPS',
        port: 443,
        forward: [],
        answer: { type: 'fixed-response', statusCode: 200 },
        attributes: { 'routing.http.response.x_frame_options.header_value': 'DENY' },
        tls: { defaultCertificate: 'arn:one', certificates: ['arn:two', 'arn:one', 'arn:gone'], sslPolicy: 'P' },
      }),
    ],
    certificates: [certificate('arn:two', { chain: 'CHAIN\n', names: ['two.test'] }), certificate('arn:one')],
  })
  const { snapshot } = snapshotBuilder()(state, new Map(), now)
  assert.equal(
    printSnapshot(snapshot),
    `revision 1
listener TCP 10.0.1.4 443, idle 5 s, admits everyone
  TLS P
  certificate arn:one: example.com *.example.com
  certificate arn:two: two.test
  HTTP app/site/50dc6c495c0c9188, desyncMode strictest, idleTimeoutMs 5000
  adds X-Frame-Options: DENY
  logs to logs/web
  rule default
    fixed-response 200
`,
  )
  const [{ tls, http } = {}] = snapshot.listeners
  assert.equal(tls?.certificates[1]?.certificates, 'CERTIFICATE arn:two\nCHAIN\n')
  assert.equal(tls.secret, '00'.repeat(32))
  assert.deepEqual(http?.settings.accessLog, {
    bucket: 'logs',
    prefix: 'web',
    account: '000000000000',
    region: 'us-east-1',
    loadBalancer: 'app.site.50dc6c495c0c9188',
  })
})

test('a Network Load Balancer’s TLS listener routes flows, to groups that may speak TLS as well', () => {
  const tls = { defaultCertificate: 'arn:one', certificates: [], sslPolicy: 'P', alpnPolicy: 'HTTP1Only' }
  const state = stateWith({
    loadBalancers: [loadBalancer({ zones: loadBalancer().zones.slice(0, 1) })],
    listeners: [httpListener({ loadBalancerArn: 'arn:lb', protocol: 'TLS', port: 443, tls })],
    targetGroups: [targetGroup({ protocol: 'TLS' })],
    certificates: [certificate('arn:one')],
  })
  assert.equal(
    printSnapshot(snapshotBuilder()(state, new Map(), now).snapshot),
    `revision 1
listener TCP 10.0.1.4 443, idle 350 s, admits everyone
  TLS P, ALPN HTTP1Only
  certificate arn:one: example.com *.example.com
  1 arn:tg TCP a
group arn:tg TCP a, TLS
`,
  )
})

test('a group that is zonal is seen by each zone, and rules without one are the same objects in all', () => {
  const state = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [httpListener()],
    rules: [rule(1, { forward: to('zonal', 'gone') })],
    targetGroups: [targetGroup({ protocol: 'HTTP' }), group('zonal', zonal)],
  })
  const { listeners, groups } = snapshotBuilder()(state, new Map(), now).snapshot
  const [a, b] = listeners.map(({ http }) => http!.rules)
  assert.deepEqual(a?.[0]?.action, { forward: [{ group: 'arn:zonal TCP a', weight: 1 }] })
  assert.deepEqual(b?.[0]?.action, { forward: [{ group: 'arn:zonal TCP b', weight: 1 }] })
  assert.equal(a[1], b[1])
  assert.deepEqual(
    groups.map(({ id }) => id),
    ['arn:zonal TCP a', 'arn:tg TCP *', 'arn:zonal TCP b'],
  )
})

test('what did not change is the same object: rules beside another one, all of them beside a setting, groups', () => {
  const build = snapshotBuilder()
  const before = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [httpListener({ tls: { defaultCertificate: 'arn:one', certificates: [], sslPolicy: 'P' } })],
    rules: [rule(1), rule(2)],
    targetGroups: [group('tg')],
    certificates: [certificate('arn:one')],
  })
  const httpOf = (state: State) => build(state, new Map(), now).snapshot
  const first = httpOf(before)
  const rulesOf = ({ listeners }: typeof first) => listeners[0]!.http!.rules

  const other = httpOf(stateWith({ rules: [rule(2, { forward: [] })], certificates: [certificate('arn:two')] }, before))
  assert.equal(rulesOf(other)[0], rulesOf(first)[0])
  assert.notEqual(rulesOf(other)[1], rulesOf(first)[1])
  assert.equal(rulesOf(other)[2], rulesOf(first)[2])
  assert.equal(other.listeners[0]?.http?.settings, first.listeners[0]?.http?.settings)
  assert.equal(other.listeners[0]?.tls, first.listeners[0]?.tls)
  assert.equal(other.groups, first.groups)

  const { attributes, ...plain } = before.listeners.get('arn:http')!
  const quiet = { ...plain, attributes: { 'routing.http.response.server.enabled': 'false' } }
  const after = stateWith({ listeners: [quiet] }, before)
  const again = httpOf(before)
  const set = httpOf(after)
  assert.equal(rulesOf(set), rulesOf(again))
  assert.equal(set.listeners[0]?.http?.settings.serverHeader, false)

  assert.equal(httpOf(stateWith({ targetGroups: [group('elsewhere')] }, after)).listeners[0], set.listeners[0])
})

test('requests of an unhealthy target go on; those of a deregistered one until its delay is over; a new one ramps', () => {
  const until = now + 5_000
  const state = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [httpListener()],
    targetGroups: [
      targetGroup({
        protocol: 'HTTPS',
        targets: [
          target('10.0.1.10', { registeredAt: 1 }),
          target('10.0.1.11', { registeredAt: 2 }),
          target('10.0.1.12', { registeredAt: 3, deregistration: { until } }),
          target('10.0.1.13', { registeredAt: 4 }),
        ],
        attributes: {
          'slow_start.duration_seconds': '30',
          'stickiness.enabled': 'true',
          'stickiness.type': 'app_cookie',
          'stickiness.app_cookie.cookie_name': 'session',
        },
      }),
    ],
  })
  const known = healthOf({
    '10.0.1.10': health('healthy', { since: now - 60_000 }),
    '10.0.1.11': health('unhealthy', { since: now - 60_000 }),
    '10.0.1.12': health('healthy', { since: now - 60_000 }),
    '10.0.1.13': health('healthy', { since: now - 1_000 }),
  })
  const build = snapshotBuilder()
  const groupAt = (at: number) => {
    const { snapshot, nextAt } = build(state, known, at)
    const [group] = snapshot.groups
    return { text: printSnapshot({ ...snapshot, listeners: [] }), group, nextAt }
  }
  const first = groupAt(now)
  assert.equal(
    first.text,
    `revision 1
group arn:tg TCP *, TLS, HTTP1, round_robin, slow start 30 s, cookie session for 86400 s
  serve 10.0.1.10 8080
  drain 10.0.1.11 8080
  drain 10.0.1.12 8080
  serve 10.0.1.13 8080, slow since 2025-12-31T23:59:59.000Z
`,
  )
  assert.equal(first.nextAt, until)
  const second = groupAt(until)
  assert.match(second.text, /cut 10\.0\.1\.12 /)
  assert.equal(second.group?.targets[3], first.group?.targets[3])
  assert.equal(second.nextAt, now + 29_000)
  assert.doesNotMatch(groupAt(now + 29_000).text, /slow since/)
})
