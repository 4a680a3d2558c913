import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBuilder } from '../domain/build-snapshot.ts'
import { applicationLoadBalancer, certificate, httpListener, now, stateWith } from '../domain/state.fixture.ts'
import { certificateProblems } from './certificate-problems.ts'

test('a certificate that is gone is a problem of each of its listeners, and the others are served', () => {
  const tls = { defaultCertificate: 'arn:gone', certificates: ['arn:one', 'arn:gone'], sslPolicy: 'P' }
  const state = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [httpListener(), httpListener({ arn: 'arn:https', port: 443, protocol: 'HTTPS', tls })],
    certificates: [certificate('arn:one')],
  })
  const { snapshot } = snapshotBuilder()(state, new Map(), now)
  assert.deepEqual(
    snapshot.listeners.map(({ tls }) => tls?.certificates.map(({ arn }) => arn)),
    [undefined, undefined, ['arn:one'], ['arn:one']],
  )
  assert.deepEqual(
    certificateProblems(state, snapshot).map(({ listener }) => listener),
    ['TCP 10.0.1.4 443', 'TCP 10.0.2.4 443'],
  )
  assert.match(certificateProblems(state, snapshot)[0]?.reason ?? '', /^there is no certificate arn:gone any more: /)
  assert.deepEqual(certificateProblems(stateWith({ certificates: [certificate('arn:gone')] }, state), snapshot), [])
})
