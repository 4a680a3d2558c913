import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Certificate, dueForRenewal } from './certificate.ts'

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000

function ending(days: number, type: Certificate['type'] = 'AMAZON_ISSUED'): Certificate {
  return {
    arn: `${type} ${days}`,
    type,
    certificate: '',
    chain: '',
    privateKey: '',
    domainName: 'example.com',
    names: ['example.com'],
    keyAlgorithm: 'RSA_2048',
    notBefore: now - day,
    notAfter: now + days * day,
    createdAt: now - day,
    tags: [],
  }
}

test('a certificate of ours is due from 60 days before its end on, and the one that ends first comes first', () => {
  assert.equal(dueForRenewal([ending(395), ending(60)], now), undefined)
  assert.equal(dueForRenewal([ending(395), ending(59), ending(-3), ending(40)], now)?.arn, 'AMAZON_ISSUED -3')
  assert.equal(dueForRenewal([ending(60)], now + 1)?.arn, 'AMAZON_ISSUED 60')
})

test('what was imported is never due', () => {
  assert.equal(dueForRenewal([ending(1, 'IMPORTED')], now), undefined)
})
