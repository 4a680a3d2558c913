import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Account, awsError, WebAccount } from './account.fixture.ts'
import {
  DescribeListenerAttributes,
  DescribeLoadBalancerAttributes,
  DescribeTargetGroupAttributes,
  ModifyListenerAttributes,
  ModifyLoadBalancerAttributes,
  ModifyTargetGroupAttributes,
} from './attributes.ts'

type Answer = { Attributes?: { Key?: string | undefined; Value?: string | undefined }[] | undefined }

function asRecord(answer: Answer): Record<string, string | undefined> {
  return Object.fromEntries((answer.Attributes ?? []).map(({ Key = '', Value }) => [Key, Value]))
}

test('a TCP group of addresses lists the attributes of Network Load Balancers with their defaults', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup({ Protocol: 'TCP' })
  assert.deepEqual(asRecord(account.run(DescribeTargetGroupAttributes, { TargetGroupArn })), {
    'proxy_protocol_v2.enabled': 'false',
    'preserve_client_ip.enabled': 'false',
    'stickiness.enabled': 'false',
    'stickiness.type': 'source_ip',
    'deregistration_delay.timeout_seconds': '300',
    'deregistration_delay.connection_termination.enabled': 'false',
    'load_balancing.cross_zone.enabled': 'use_load_balancer_configuration',
    'target_group_health.dns_failover.minimum_healthy_targets.count': '1',
    'target_group_health.dns_failover.minimum_healthy_targets.percentage': 'off',
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': '1',
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': 'off',
    'target_health_state.unhealthy.connection_termination.enabled': 'true',
    'target_health_state.unhealthy.draining_interval_seconds': '0',
  })
})

for (const [protocol, targetType, preserve, termination, unhealthyTermination] of [
  ['TCP', 'instance', 'true', 'false', 'true'],
  ['TCP', 'ip', 'false', 'false', 'true'],
  ['UDP', 'instance', 'true', 'true', 'false'],
  ['UDP', 'ip', 'true', 'true', 'false'],
  ['TCP_UDP', 'ip', 'true', 'true', 'false'],
] as const) {
  test(`the defaults that depend on protocol and target type: ${protocol}, ${targetType}`, () => {
    const account = new Account()
    const TargetGroupArn = account.targetGroup({ Protocol: protocol, TargetType: targetType })
    const all = asRecord(account.run(DescribeTargetGroupAttributes, { TargetGroupArn }))
    assert.equal(all['preserve_client_ip.enabled'], preserve)
    assert.equal(all['deregistration_delay.connection_termination.enabled'], termination)
    assert.equal(all['target_health_state.unhealthy.connection_termination.enabled'], unhealthyTermination)
  })
}

for (const protocol of ['UDP', 'TCP_UDP'] as const) {
  test(`a ${protocol} target group always preserves the client's address`, () => {
    const account = new Account()
    const TargetGroupArn = account.targetGroup({ Protocol: protocol })
    const { state } = account
    assert.throws(
      () =>
        account.run(ModifyTargetGroupAttributes, {
          TargetGroupArn,
          Attributes: [
            { Key: 'deregistration_delay.timeout_seconds', Value: '10' },
            { Key: 'preserve_client_ip.enabled', Value: 'false' },
          ],
        }),
      awsError(
        'InvalidConfigurationRequest',
        'preserve_client_ip.enabled cannot be false if the target group protocol is UDP or TCP_UDP',
      ),
    )
    assert.equal(account.state, state)
  })
}

test('attributes that were set are merged and answered with all the others', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup({ Protocol: 'TCP' })
  const set = (Key: string, Value: string) =>
    asRecord(account.run(ModifyTargetGroupAttributes, { TargetGroupArn, Attributes: [{ Key, Value }] }))
  set('preserve_client_ip.enabled', 'true')
  const all = set('deregistration_delay.timeout_seconds', '0')
  assert.equal(all['preserve_client_ip.enabled'], 'true')
  assert.equal(all['deregistration_delay.timeout_seconds'], '0')
  assert.equal(Object.keys(all).length, 13)
  assert.deepEqual(asRecord(account.run(DescribeTargetGroupAttributes, { TargetGroupArn })), all)
})

const known = 'target_group_health'
for (const [protocol, attributes, code, text] of [
  ['TCP', { 'no.such': '1' }, 'ValidationError', "Target group attribute key 'no.such' is not recognized"],
  ['TCP', { __proto__x: '1' }, 'ValidationError', 'is not recognized'],
  [
    'TCP',
    { 'slow_start.duration_seconds': '30' },
    'InvalidConfigurationRequest',
    "'slow_start.duration_seconds' is not",
  ],
  [
    'TCP',
    { 'stickiness.type': 'lb_cookie' },
    'InvalidConfigurationRequest',
    "Stickiness type 'lb_cookie' is not supported for target groups with the TCP protocol",
  ],
  ['TCP', { 'stickiness.type': 'sourceip' }, 'ValidationError', 'one of [source_ip]'],
  ['TCP', { 'stickiness.enabled': 'yes' }, 'ValidationError', 'one of [true, false]'],
  ['TCP', { 'deregistration_delay.timeout_seconds': '3601' }, 'ValidationError', 'between 0 and 3600'],
  ['TCP', { 'deregistration_delay.timeout_seconds': '1.5' }, 'ValidationError', 'a whole number'],
  ['TCP', { 'deregistration_delay.timeout_seconds': '' }, 'ValidationError', 'a whole number'],
  [
    'TCP',
    { 'target_health_state.unhealthy.draining_interval_seconds': '60' },
    'InvalidConfigurationRequest',
    'can only be set if target_health_state.unhealthy.connection_termination.enabled is false',
  ],
  [
    'UDP',
    { 'target_health_state.unhealthy.connection_termination.enabled': 'true' },
    'InvalidConfigurationRequest',
    'cannot be true if the target group protocol is UDP',
  ],
  [
    'TCP',
    {
      [`${known}.dns_failover.minimum_healthy_targets.percentage`]: '10',
      [`${known}.unhealthy_state_routing.minimum_healthy_targets.percentage`]: '20',
    },
    'InvalidConfigurationRequest',
    'DNS failover threshold',
  ],
] as const) {
  test(`a ${protocol} target group refuses ${JSON.stringify(attributes)}`, () => {
    const account = new Account()
    const TargetGroupArn = account.targetGroup({ Protocol: protocol })
    const Attributes = Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }))
    assert.throws(() => account.run(ModifyTargetGroupAttributes, { TargetGroupArn, Attributes }), awsError(code, text))
  })
}

test('an unhealthy target may drain where its connections are not terminated', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup({ Protocol: 'TCP' })
  const all = asRecord(
    account.run(ModifyTargetGroupAttributes, {
      TargetGroupArn,
      Attributes: [
        { Key: 'target_health_state.unhealthy.draining_interval_seconds', Value: '60' },
        { Key: 'target_health_state.unhealthy.connection_termination.enabled', Value: 'false' },
      ],
    }),
  )
  assert.equal(all['target_health_state.unhealthy.draining_interval_seconds'], '60')
})

test('a load balancer lists its attributes, and refuses those of application load balancers', () => {
  const account = new Account()
  const LoadBalancerArn = account.loadBalancer({ Scheme: 'internal' })
  const all = asRecord(account.run(DescribeLoadBalancerAttributes, { LoadBalancerArn }))
  assert.equal(all['load_balancing.cross_zone.enabled'], 'false')
  assert.equal(all['ipv6.deny_all_igw_traffic'], 'true')
  assert.equal(all['dns_record.client_routing_policy'], 'any_availability_zone')
  const set = (Key: string, Value: string) =>
    account.run(ModifyLoadBalancerAttributes, { LoadBalancerArn, Attributes: [{ Key, Value }] })
  assert.throws(
    () => set('idle_timeout.timeout_seconds', '60'),
    awsError(
      'InvalidConfigurationRequest',
      "Load balancer attribute key 'idle_timeout.timeout_seconds' is not supported on load balancers with type 'network'",
    ),
  )
  assert.throws(
    () => set('nonsense', '1'),
    awsError('ValidationError', "Load balancer attribute key 'nonsense' is not recognized"),
  )
  assert.throws(() => set('access_logs.s3.enabled', 'true'), awsError('InvalidConfigurationRequest', 's3.bucket'))
  set('secondary_ips.auto_assigned.per_subnet', '2')
  assert.throws(
    () => set('secondary_ips.auto_assigned.per_subnet', '1'),
    awsError('InvalidConfigurationRequest', 'cannot be decreased'),
  )
  assert.equal(asRecord(set('load_balancing.cross_zone.enabled', 'true'))['load_balancing.cross_zone.enabled'], 'true')
})

test('only TCP listeners have an idle timeout', () => {
  const account = new Account()
  const loadBalancer = account.loadBalancer()
  const udp = account.listener(loadBalancer, account.targetGroup())
  const tcp = account.listener(loadBalancer, account.targetGroup({ Name: 'tcp', Protocol: 'TCP' }), {
    Protocol: 'TCP',
    Port: 8081,
  })
  assert.deepEqual(account.run(DescribeListenerAttributes, { ListenerArn: udp }).Attributes, [])
  assert.deepEqual(account.run(DescribeListenerAttributes, { ListenerArn: tcp }).Attributes, [
    { Key: 'tcp.idle_timeout.seconds', Value: '350' },
  ])
  const set = (ListenerArn: string, Value: string) =>
    account.run(ModifyListenerAttributes, { ListenerArn, Attributes: [{ Key: 'tcp.idle_timeout.seconds', Value }] })
  assert.deepEqual(asRecord(set(tcp, '6000')), { 'tcp.idle_timeout.seconds': '6000' })
  assert.throws(() => set(tcp, '59'), awsError('ValidationError', 'between 60 and 6000'))
  assert.throws(
    () => set(udp, '60'),
    awsError('InvalidConfigurationRequest', 'not supported on listeners with the UDP protocol'),
  )
})

test('an HTTP group lists the attributes of Application Load Balancers with their defaults', () => {
  const account = new WebAccount()
  const all = asRecord(account.run(DescribeTargetGroupAttributes, { TargetGroupArn: account.blue }))
  assert.deepEqual(all, {
    'deregistration_delay.timeout_seconds': '300',
    'stickiness.enabled': 'false',
    'stickiness.type': 'lb_cookie',
    'stickiness.lb_cookie.duration_seconds': '86400',
    'stickiness.app_cookie.duration_seconds': '86400',
    'stickiness.app_cookie.cookie_name': '',
    'load_balancing.algorithm.type': 'round_robin',
    'load_balancing.algorithm.anomaly_mitigation': 'off',
    'load_balancing.cross_zone.enabled': 'use_load_balancer_configuration',
    'slow_start.duration_seconds': '0',
    'target_group_health.dns_failover.minimum_healthy_targets.count': '1',
    'target_group_health.dns_failover.minimum_healthy_targets.percentage': 'off',
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': '1',
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': 'off',
  })
})

const sticky = { 'stickiness.enabled': 'true' }
for (const [group, attributes, code, text] of [
  [
    { Protocol: 'HTTP' },
    { 'stickiness.type': 'source_ip' },
    'InvalidConfigurationRequest',
    "Stickiness type 'source_ip' is not supported for target groups with the HTTP protocol",
  ],
  [
    { Protocol: 'HTTP' },
    { 'proxy_protocol_v2.enabled': 'true' },
    'InvalidConfigurationRequest',
    "'proxy_protocol_v2.enabled' is not supported for target groups with the HTTP protocol",
  ],
  [
    { Protocol: 'HTTPS' },
    { ...sticky, 'stickiness.type': 'app_cookie' },
    'InvalidConfigurationRequest',
    "You must set an application cookie name to enable stickiness of type 'app_cookie'",
  ],
  [
    { Protocol: 'HTTP' },
    { 'stickiness.app_cookie.cookie_name': 'AWSALBTG' },
    'ValidationError',
    "does not begin with 'AWSALB'",
  ],
  [{ Protocol: 'HTTP' }, { 'stickiness.app_cookie.cookie_name': 'a b' }, 'ValidationError', 'a cookie name'],
  [
    { Protocol: 'HTTP' },
    { ...sticky, 'load_balancing.cross_zone.enabled': 'false' },
    'InvalidConfigurationRequest',
    'cross-zone',
  ],
  [{ Protocol: 'HTTP' }, { 'slow_start.duration_seconds': '29' }, 'ValidationError', "between 30 and 900 or '0'"],
  [
    { Protocol: 'HTTP' },
    { 'slow_start.duration_seconds': '30', 'load_balancing.algorithm.type': 'least_outstanding_requests' },
    'InvalidConfigurationRequest',
    'slow_start.duration_seconds must be 0',
  ],
  [
    { Protocol: 'HTTP' },
    { 'load_balancing.algorithm.anomaly_mitigation': 'on' },
    'InvalidConfigurationRequest',
    'weighted_random',
  ],
  [
    { Protocol: 'TLS' },
    sticky,
    'InvalidConfigurationRequest',
    'You cannot enable stickiness on target groups with the TLS protocol',
  ],
  [
    { Protocol: 'TCP', TargetType: 'alb' },
    { 'deregistration_delay.timeout_seconds': '0' },
    'InvalidConfigurationRequest',
    "target type 'alb'",
  ],
] as const) {
  test(`a target group ${JSON.stringify(group)} refuses ${JSON.stringify(attributes)}`, () => {
    const account = new Account()
    const TargetGroupArn = account.targetGroup(group)
    const Attributes = Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }))
    assert.throws(() => account.run(ModifyTargetGroupAttributes, { TargetGroupArn, Attributes }), awsError(code, text))
  })
}

test('a group of load balancers takes the attributes that it has anyway', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup({ Protocol: 'TCP', TargetType: 'alb' })
  const all = asRecord(
    account.run(ModifyTargetGroupAttributes, {
      TargetGroupArn,
      Attributes: [{ Key: 'stickiness.enabled', Value: 'false' }],
    }),
  )
  assert.equal(all['preserve_client_ip.enabled'], 'true')
})

test('when slow start was switched on is remembered, not when its duration was changed', () => {
  const account = new WebAccount()
  const set = (Value: string) => {
    account.now += 1000
    account.run(ModifyTargetGroupAttributes, {
      TargetGroupArn: account.blue,
      Attributes: [{ Key: 'slow_start.duration_seconds', Value }],
    })
    return account.state.targetGroups.get(account.blue)?.slowStartSetAt
  }
  const switchedOn = set('30')
  assert.equal(switchedOn, account.now)
  assert.equal(set('60'), switchedOn)
  set('0')
  assert.equal(set('30'), account.now)
})

test('an Application Load Balancer lists its attributes, and refuses those of Network Load Balancers', () => {
  const account = new WebAccount()
  const LoadBalancerArn = account.web
  const all = asRecord(account.run(DescribeLoadBalancerAttributes, { LoadBalancerArn }))
  assert.deepEqual(all, {
    'access_logs.s3.bucket': '',
    'access_logs.s3.enabled': 'false',
    'access_logs.s3.prefix': '',
    'client_keep_alive.seconds': '3600',
    'connection_logs.s3.bucket': '',
    'connection_logs.s3.enabled': 'false',
    'connection_logs.s3.prefix': '',
    'deletion_protection.enabled': 'false',
    'health_check_logs.s3.bucket': '',
    'health_check_logs.s3.enabled': 'false',
    'health_check_logs.s3.prefix': '',
    'idle_timeout.timeout_seconds': '60',
    'ipv6.deny_all_igw_traffic': 'false',
    'load_balancing.cross_zone.enabled': 'true',
    'routing.http.desync_mitigation_mode': 'defensive',
    'routing.http.drop_invalid_header_fields.enabled': 'false',
    'routing.http.preserve_host_header.enabled': 'false',
    'routing.http.x_amzn_tls_version_and_cipher_suite.enabled': 'false',
    'routing.http.xff_client_port.enabled': 'false',
    'routing.http.xff_header_processing.mode': 'append',
    'routing.http2.enabled': 'true',
    'waf.fail_open.enabled': 'false',
    'zonal_shift.config.enabled': 'false',
  })
  const set = (Key: string, Value: string) =>
    asRecord(account.run(ModifyLoadBalancerAttributes, { LoadBalancerArn, Attributes: [{ Key, Value }] }))
  assert.equal(set('idle_timeout.timeout_seconds', '4000')['idle_timeout.timeout_seconds'], '4000')
  assert.throws(() => set('idle_timeout.timeout_seconds', '0'), awsError('ValidationError', 'between 1 and 4000'))
  set('load_balancing.cross_zone.enabled', 'true')
  assert.throws(() => set('load_balancing.cross_zone.enabled', 'false'), awsError('ValidationError', 'one of [true]'))
  assert.throws(
    () => set('dns_record.client_routing_policy', 'any_availability_zone'),
    awsError('InvalidConfigurationRequest', "is not supported on load balancers with type 'application'"),
  )
  assert.throws(
    () => set('connection_logs.s3.enabled', 'true'),
    awsError('InvalidConfigurationRequest', "'connection_logs.s3.bucket' must be specified"),
  )
})

test('HTTP and HTTPS listeners change header fields, HTTPS ones more of them', () => {
  const account = new WebAccount()
  const https = account.httpsListener()
  const keysOf = (ListenerArn: string) =>
    Object.keys(asRecord(account.run(DescribeListenerAttributes, { ListenerArn })))
  assert.equal(keysOf(account.http).length, 10)
  assert.equal(keysOf(https).length, 19)
  const set = (ListenerArn: string, key: string, Value: string) =>
    asRecord(
      account.run(ModifyListenerAttributes, { ListenerArn, Attributes: [{ Key: `routing.http.${key}`, Value }] }),
    )
  const frames = 'response.x_frame_options.header_value'
  assert.equal(set(account.http, frames, 'DENY')[`routing.http.${frames}`], 'DENY')
  assert.equal(set(account.http, frames, '')[`routing.http.${frames}`], '')
  const version = 'request.x_amzn_tls_version.header_name'
  assert.equal(set(https, version, 'X-Tls')[`routing.http.${version}`], 'X-Tls')
  for (const [arn, key, value, code, text] of [
    [account.http, version, 'X-Tls', 'InvalidConfigurationRequest', 'on listeners with the HTTP protocol'],
    [https, version, 'X Tls', 'ValidationError', 'letters, digits, hyphens and underscores'],
    [https, frames, 'DENY\r\nX: y', 'ValidationError', 'printable ASCII characters'],
    [https, 'response.access_control_max_age.header_value', '1h', 'ValidationError', "between 0 and 86400 or ''"],
    [https, 'response.x_content_type_options.header_value', 'sniff', 'ValidationError', 'one of [nosniff, ]'],
    [https, 'response.server.enabled', 'no', 'ValidationError', 'one of [true, false]'],
  ] as const) {
    assert.throws(() => set(arn, key, value), awsError(code, text), key)
  }
  assert.throws(
    () =>
      account.run(ModifyListenerAttributes, {
        ListenerArn: https,
        Attributes: [{ Key: 'tcp.idle_timeout.seconds', Value: '60' }],
      }),
    awsError('InvalidConfigurationRequest', 'not supported on listeners with the HTTPS protocol'),
  )
})
