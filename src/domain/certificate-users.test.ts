import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateUsers } from './certificate-users.ts'
import type { Listener, ListenerTls } from './load-balancer.ts'

function listener(arn: string, loadBalancerArn: string, tls?: Partial<ListenerTls>): [string, Listener] {
  const all = { defaultCertificate: 'default', certificates: [], sslPolicy: 'ELBSecurityPolicy-2016-08', ...tls }
  const value = { arn, loadBalancerArn, port: 443, protocol: 'TLS', forward: [], attributes: {}, tags: [] } as const
  return [arn, tls === undefined ? value : { ...value, tls: all }]
}

test('a certificate is used by the load balancers whose listeners have it as default or in their list, each once', () => {
  const listeners = new Map([
    listener('a', 'one', { defaultCertificate: 'x', certificates: ['x', 'y'] }),
    listener('b', 'one', { certificates: ['x'] }),
    listener('c', 'two', { certificates: ['y'] }),
    listener('d', 'three'),
  ])
  assert.deepEqual(certificateUsers({ listeners }, 'x'), ['one'])
  assert.deepEqual(certificateUsers({ listeners }, 'y'), ['one', 'two'])
  assert.deepEqual(certificateUsers({ listeners }, 'default'), ['one', 'two'])
  assert.deepEqual(certificateUsers({ listeners }, 'z'), [])
})
