import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backendPolicy, defaultSecurityPolicy, securityPolicies, securityPolicy } from './security-policy.ts'

const named = (name: string) => {
  const found = securityPolicy(`ELBSecurityPolicy-${name}`)
  assert.ok(found, name)
  return found
}

test('the default policy is as DescribeSSLPolicies shows it', () => {
  const { protocols, ciphers, supportedLoadBalancerTypes } = securityPolicy(defaultSecurityPolicy)!
  assert.deepEqual(protocols, ['TLSv1', 'TLSv1.1', 'TLSv1.2'])
  assert.deepEqual(ciphers, [
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES128-SHA256',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-RSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-RSA-AES256-SHA384',
    'ECDHE-RSA-AES256-SHA',
    'ECDHE-ECDSA-AES256-SHA',
    'AES128-GCM-SHA256',
    'AES128-SHA256',
    'AES128-SHA',
    'AES256-GCM-SHA384',
    'AES256-SHA256',
    'AES256-SHA',
  ])
  assert.deepEqual(supportedLoadBalancerTypes, ['application', 'network'])
})

test('each policy has the number of ciphers and the versions that its page says', () => {
  const rows: readonly [string, number, string, string][] = [
    ['TLS13-1-3-2021-06', 3, 'TLSv1.3', 'TLSv1.3'],
    ['TLS13-1-2-2021-06', 11, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-2-Res-2021-06', 7, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-2-Ext1-2021-06', 15, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-2-Ext2-2021-06', 21, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-1-2021-06', 21, 'TLSv1.1', 'TLSv1.3'],
    ['TLS13-1-0-2021-06', 21, 'TLSv1', 'TLSv1.3'],
    ['TLS-1-2-2017-01', 12, 'TLSv1.2', 'TLSv1.2'],
    ['TLS-1-2-Ext-2018-06', 18, 'TLSv1.2', 'TLSv1.2'],
    ['TLS-1-1-2017-01', 18, 'TLSv1.1', 'TLSv1.2'],
    ['TLS-1-0-2015-04', 19, 'TLSv1', 'TLSv1.2'],
    ['FS-2018-06', 12, 'TLSv1', 'TLSv1.2'],
    ['FS-1-1-2019-08', 12, 'TLSv1.1', 'TLSv1.2'],
    ['FS-1-2-2019-08', 12, 'TLSv1.2', 'TLSv1.2'],
    ['FS-1-2-Res-2019-08', 8, 'TLSv1.2', 'TLSv1.2'],
    ['FS-1-2-Res-2020-10', 4, 'TLSv1.2', 'TLSv1.2'],
    ['TLS13-1-3-FIPS-2023-04', 2, 'TLSv1.3', 'TLSv1.3'],
    ['TLS13-1-2-FIPS-2023-04', 10, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-2-Ext0-FIPS-2023-04', 14, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-2-Ext1-FIPS-2023-04', 14, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-2-Ext2-FIPS-2023-04', 20, 'TLSv1.2', 'TLSv1.3'],
    ['TLS13-1-2-Res-PQ-2025-09', 7, 'TLSv1.2', 'TLSv1.3'],
  ]
  for (const [name, ciphers, from, to] of rows) {
    const found = named(name)
    assert.deepEqual([found.ciphers.length, found.protocols[0], found.protocols.at(-1)], [ciphers, from, to], name)
    assert.equal(new Set(found.ciphers).size, ciphers, name)
  }
  assert.equal(new Set(securityPolicies.map(({ name }) => name)).size, securityPolicies.length)
})

test('2015-05 is the Network Load Balancer’s alone, and only policies with PQ have hybrid key exchange', () => {
  assert.deepEqual(named('2015-05').supportedLoadBalancerTypes, ['network'])
  assert.equal(named('TLS13-1-2-Res-PQ-2025-09').postQuantum, true)
  assert.equal(named('TLS13-1-2-Res-2021-06').postQuantum, false)
})

test('targets get TLS 1.3 where the listener has it', () => {
  const name = (policy: string | undefined) => backendPolicy(policy).name.replace('ELBSecurityPolicy-', '')
  assert.equal(name('ELBSecurityPolicy-TLS13-1-2-Res-2021-06'), 'TLS13-1-0-2021-06')
  assert.equal(name('ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04'), 'TLS13-1-0-FIPS-2023-04')
  assert.equal(name('ELBSecurityPolicy-FS-1-2-2019-08'), '2016-08')
  assert.equal(name(undefined), '2016-08')
})
