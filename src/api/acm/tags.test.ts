import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Calls } from '../calls.fixture.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { RequestCertificate } from './request-certificate.ts'
import { AddTagsToCertificate, ListTagsForCertificate, RemoveTagsFromCertificate } from './tags.ts'

function tagged() {
  const calls = new Calls()
  const Tags = [{ Key: 'team', Value: 'edge' }, { Key: 'plain' }]
  const asked = { DomainName: 'example.com', KeyAlgorithm: 'EC_prime256v1', Tags } as const
  const { CertificateArn } = calls.run(RequestCertificate, { ...asked, Tags })
  const tags = () =>
    calls
      .run(ListTagsForCertificate, { CertificateArn })
      .Tags?.map(({ Key, Value }) => `${Key}=${Value}`)
      .join()
  return { calls, CertificateArn, tags }
}

test('a certificate has the tags that it was made with, and those that it gets and loses later', () => {
  const { calls, CertificateArn, tags } = tagged()
  assert.equal(tags(), 'team=edge,plain=')
  calls.run(AddTagsToCertificate, {
    CertificateArn,
    Tags: [
      { Key: 'team', Value: 'core' },
      { Key: 'tier', Value: '1' },
    ],
  })
  assert.equal(tags(), 'plain=,team=core,tier=1')
  calls.run(RemoveTagsFromCertificate, { CertificateArn, Tags: [{ Key: 'team', Value: 'edge' }, { Key: 'tier' }] })
  assert.equal(tags(), 'plain=,team=core')
  calls.run(RemoveTagsFromCertificate, {
    CertificateArn,
    Tags: [
      { Key: 'team', Value: 'core' },
      { Key: 'plain', Value: '' },
    ],
  })
  assert.equal(tags(), '')
})

test('too many tags, keys of AWS, keys that come twice, and tags of what is not there are refused', () => {
  const { calls, CertificateArn, tags } = tagged()
  const Tags = Array.from({ length: 49 }, (_, n) => ({ Key: `k${n}` }))
  const add =
    (Tags: { Key: string }[], arn = CertificateArn) =>
    () =>
      calls.run(AddTagsToCertificate, { CertificateArn: arn, Tags })
  assert.throws(add(Tags), awsError('TooManyTagsException', 'contains too many Tags'))
  assert.throws(add([{ Key: 'aws:team' }]), awsError('InvalidTagException', 'aws: prefixed'))
  assert.throws(add([{ Key: 'a' }, { Key: 'a' }]), awsError('InvalidParameterException', 'Duplicate tag keys found: a'))
  assert.throws(add([{ Key: 'a' }], `${CertificateArn}0`), awsError('ResourceNotFoundException', 'Could not find'))
  assert.equal(tags(), 'team=edge,plain=')
})
