import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError, WebAccount } from './account.fixture.ts'
import {
  AddListenerCertificates,
  DescribeListenerCertificates,
  RemoveListenerCertificates,
} from './listener-certificates.ts'
import { type CreateListener, DescribeListeners, ModifyListener } from './listeners.ts'
import { DescribeSSLPolicies } from './ssl-policies.ts'

type ListenerInput = Partial<Parameters<typeof CreateListener>[0]>

/** An account with a Network Load Balancer and a TCP group for it. */
function withNetwork() {
  const account = new WebAccount()
  const loadBalancer = account.loadBalancer({ Name: 'tls' })
  const group = account.targetGroup({ Name: 'tcp', Protocol: 'TCP' })
  const Certificates = [{ CertificateArn: account.certificate() }]
  const listen = (input: ListenerInput = {}) =>
    account.listener(loadBalancer, group, { Protocol: 'TLS', Port: 8443, Certificates, ...input })
  const shown = (arn: string) => account.run(DescribeListeners, { ListenerArns: [arn] }).Listeners?.[0]
  return { account, listen, shown }
}

test('an HTTPS listener shows its certificate, the default policy, and that clients need none', () => {
  const account = new WebAccount()
  const CertificateArn = account.certificate()
  const ListenerArn = account.httpsListener({ Certificates: [{ CertificateArn }] })
  assert.deepEqual(account.run(DescribeListeners, { ListenerArns: [ListenerArn] }).Listeners?.[0], {
    ListenerArn,
    LoadBalancerArn: account.web,
    Port: 443,
    Protocol: 'HTTPS',
    Certificates: [{ CertificateArn }],
    SslPolicy: 'ELBSecurityPolicy-2016-08',
    MutualAuthentication: { Mode: 'off' },
    DefaultActions: [{ Type: 'fixed-response', Order: 1, FixedResponseConfig: { StatusCode: '404' } }],
  })
  assert.equal(account.httpsListener({ Certificates: [{ CertificateArn }] }), ListenerArn)
  assert.throws(() => account.httpsListener(), awsError('DuplicateListener', 'A listener already exists on this port'))
})

for (const [what, input, code, text] of [
  ['no certificate', { Certificates: [] }, 'ValidationError', 'A certificate must be specified for HTTPS listeners'],
  [
    'two certificates',
    { Certificates: [{ CertificateArn: 'a' }, { CertificateArn: 'b' }] },
    'ValidationError',
    "Up to '1' certificate ARNs can be specified, but '2' were specified",
  ],
  ['an unknown certificate', { Certificates: [{ CertificateArn: 'a' }] }, 'CertificateNotFound', "Certificate 'a' not"],
  ['an unknown policy', { SslPolicy: 'best' }, 'SSLPolicyNotFound', "SSL policy 'best' not found"],
  [
    'a policy of Network Load Balancers',
    { SslPolicy: 'ELBSecurityPolicy-2015-05' },
    'SSLPolicyNotFound',
    "'ELBSecurityPolicy-2015-05' not found",
  ],
  ['an ALPN policy', { AlpnPolicy: ['HTTP2Only'] }, 'InvalidConfigurationRequest', 'AlpnPolicy cannot be specified'],
  [
    'certificates for clients',
    { MutualAuthentication: { Mode: 'verify' } },
    'InvalidConfigurationRequest',
    "mode 'verify' is not offered here yet",
  ],
] as const) {
  test(`an HTTPS listener with ${what} is refused`, () => {
    const account = new WebAccount()
    assert.throws(() => account.httpsListener(input as unknown as ListenerInput), awsError(code, text))
  })
}

test('a listener without TLS takes nothing of it', () => {
  const account = new WebAccount()
  for (const [input, code, text] of [
    [{ Certificates: [{ CertificateArn: 'a' }] }, 'ValidationError', 'A certificate cannot be specified for HTTP'],
    [{ SslPolicy: 'x' }, 'ValidationError', 'An SSL policy cannot be specifed for HTTP listeners'],
    [{ AlpnPolicy: ['None'] }, 'InvalidConfigurationRequest', 'cannot be specified for listeners with the HTTP'],
  ] as const) {
    assert.throws(() => account.httpListener({ Port: 81, ...input } as ListenerInput), awsError(code, text))
  }
})

test('a listener that changes to HTTP drops certificate and policy, and needs both to change back', () => {
  const account = new WebAccount()
  const ListenerArn = account.httpsListener()
  const modify = (input: Partial<Parameters<typeof ModifyListener>[0]>) =>
    account.run(ModifyListener, { ListenerArn, ...input }).Listeners?.[0]
  const plain = modify({ Protocol: 'HTTP' })
  assert.equal(plain?.Certificates, undefined)
  assert.equal(plain?.SslPolicy, undefined)
  const Certificates = [{ CertificateArn: account.certificate() }]
  const SslPolicy = 'ELBSecurityPolicy-TLS13-1-2-2021-06'
  assert.throws(
    () => modify({ Protocol: 'HTTPS', SslPolicy }),
    awsError('ValidationError', 'A certificate must be specified for HTTPS listeners'),
  )
  assert.throws(
    () => modify({ Protocol: 'HTTPS', Certificates }),
    awsError('ValidationError', 'An SSL policy must be specified for HTTPS listeners'),
  )
  assert.equal(modify({ Protocol: 'HTTPS', Certificates, SslPolicy })?.SslPolicy, SslPolicy)
  const [other] = [{ CertificateArn: account.certificate() }]
  const changed = modify({ Certificates: [other] })
  assert.deepEqual(changed?.Certificates, [other])
  assert.equal(changed?.SslPolicy, SslPolicy)
})

test('a TLS listener of a Network Load Balancer has an ALPN policy, or none', () => {
  const { account, listen, shown } = withNetwork()
  const arn = listen({ AlpnPolicy: ['HTTP2Preferred'] })
  assert.deepEqual(shown(arn)?.AlpnPolicy, ['HTTP2Preferred'])
  assert.equal(shown(arn)?.MutualAuthentication, undefined)
  account.run(ModifyListener, { ListenerArn: arn, AlpnPolicy: ['None'] })
  assert.equal(shown(arn)?.AlpnPolicy, undefined)
  assert.throws(
    () => listen({ Port: 1, AlpnPolicy: ['h3'] }),
    awsError('ALPNPolicyNotFound', "ALPN policy 'h3' not found"),
  )
  assert.throws(
    () => listen({ Port: 1, MutualAuthentication: { Mode: 'off' } }),
    awsError('InvalidConfigurationRequest', 'MutualAuthentication cannot be specified'),
  )
})

for (const [group, good] of [
  [{ Protocol: 'TCP' }, true],
  [{ Protocol: 'TLS' }, true],
  [{ Protocol: 'UDP' }, false],
  [{ Protocol: 'TCP_UDP' }, false],
  [{ Protocol: 'HTTP' }, false],
  [{ Protocol: 'TCP', TargetType: 'alb' }, false],
] as const) {
  test(`a TLS listener ${good ? 'forwards' : 'does not forward'} to ${JSON.stringify(group)}`, () => {
    const { account, listen } = withNetwork()
    const TargetGroupArn = account.targetGroup({ Name: 'other', ...group })
    const set = () => listen({ DefaultActions: [{ Type: 'forward', TargetGroupArn }] })
    if (good) set()
    else assert.throws(set, awsError('IncompatibleProtocols', TargetGroupArn))
  })
}

test('TCP, TLS, HTTP and HTTPS listeners of load balancers with one address take each other the port', () => {
  const { listen } = withNetwork()
  assert.throws(() => listen({ Port: 80 }), awsError('DuplicateListener', 'Port 80 (HTTP) at 127.0.0.1 is taken'))
})

test('certificates are added once, shown after the default one, and removed', () => {
  const account = new WebAccount()
  const first = account.certificate()
  const ListenerArn = account.httpsListener({ Certificates: [{ CertificateArn: first }] })
  const certificate = (CertificateArn: string) => ({ ListenerArn, Certificates: [{ CertificateArn }] })
  const shown = (input = {}) => {
    const page = account.run(DescribeListenerCertificates, { ListenerArn, ...input })
    return { list: page.Certificates?.map(each => [each.CertificateArn, each.IsDefault]), next: page.NextMarker }
  }
  const second = account.certificate()
  assert.deepEqual(account.run(AddListenerCertificates, certificate(second)).Certificates, [
    { CertificateArn: second, IsDefault: false },
  ])
  const { revision } = account.state
  account.run(AddListenerCertificates, certificate(second))
  assert.equal(account.state.revision, revision)
  account.run(AddListenerCertificates, certificate(first))
  const all = [
    [first, true],
    [first, false],
    [second, false],
  ]
  assert.deepEqual(shown().list, all)
  const page = shown({ PageSize: 2 })
  assert.deepEqual([...(page.list ?? []), ...(shown({ PageSize: 2, Marker: page.next }).list ?? [])], all)
  account.run(RemoveListenerCertificates, certificate(first))
  account.run(RemoveListenerCertificates, certificate(second))
  account.run(RemoveListenerCertificates, certificate(second))
  assert.deepEqual(shown().list, [[first, true]])
  assert.throws(
    () => account.run(RemoveListenerCertificates, certificate(first)),
    awsError('OperationNotPermitted', 'default certificate'),
  )
  assert.throws(
    () => account.run(AddListenerCertificates, certificate(`${first}0`)),
    awsError('CertificateNotFound', `Certificate '${first}0' not found`),
  )
  assert.throws(
    () => account.run(AddListenerCertificates, { ...certificate(first), ListenerArn: account.http }),
    awsError('InvalidConfigurationRequest', 'the HTTP protocol have no certificates'),
  )
})

test('a load balancer has at most 25 certificates beside its default ones, and a listener keeps them when asked for again', () => {
  const account = new WebAccount()
  const CertificateArn = account.certificate()
  const ListenerArn = account.httpsListener({ Certificates: [{ CertificateArn }] })
  const add = (count: number) => {
    const Certificates = Array.from({ length: count }, () => ({ CertificateArn: account.certificate() }))
    account.run(AddListenerCertificates, { ListenerArn, Certificates })
  }
  add(10)
  add(10)
  add(5)
  assert.throws(() => add(1), awsError('TooManyCertificates', 'more than 25 certificates'))
  assert.throws(() => add(11), awsError('ValidationError', "Up to '10' certificate ARNs"))
  assert.equal(account.httpsListener({ Certificates: [{ CertificateArn }] }), ListenerArn)
})

test('security policies are described by name, by type, and page by page', () => {
  const account = new WebAccount()
  const [policy] =
    account.run(DescribeSSLPolicies, { Names: ['ELBSecurityPolicy-TLS13-1-3-2021-06'] }).SslPolicies ?? []
  assert.deepEqual(policy?.SslProtocols, ['TLSv1.3'])
  assert.deepEqual(policy?.Ciphers?.[0], { Name: 'TLS_AES_128_GCM_SHA256', Priority: 1 })
  assert.deepEqual(policy?.SupportedLoadBalancerTypes, ['application', 'network'])
  const all = account.run(DescribeSSLPolicies, {}).SslPolicies ?? []
  const ofType = account.run(DescribeSSLPolicies, { LoadBalancerType: 'application' }).SslPolicies ?? []
  assert.equal(ofType.length, all.length - 1)
  const first = account.run(DescribeSSLPolicies, { PageSize: 5 })
  const rest = account.run(DescribeSSLPolicies, { Marker: first.NextMarker })
  assert.deepEqual([...(first.SslPolicies ?? []), ...(rest.SslPolicies ?? [])], all)
  assert.throws(
    () => account.run(DescribeSSLPolicies, { Names: ['best'] }),
    awsError('SSLPolicyNotFound', "SSL policies '[best]' not found"),
  )
})
