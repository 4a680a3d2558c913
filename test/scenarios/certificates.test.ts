/** What Sluice does with certificates by itself. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { ACMClient, DescribeCertificateCommand, GetCertificateCommand } from '@aws-sdk/client-acm'
import { issueCertificate, localAuthority } from '../../src/api/acm/authority.ts'
import type { Certificate } from '../../src/domain/certificate.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { startSluice, temporaryDirectory, until } from './sluice.ts'

const install = { account: '000000000000', region: 'us-east-1', now: Date.now() }

test('certificates that end within 60 days, or ended while Sluice was away, are issued anew by the same root', async t => {
  const dataDir = temporaryDirectory(t)
  const store = await openSqliteStore(dataDir)
  const { authority, changes } = localAuthority(store.read(), install)
  const old = [340, 400].map((daysAgo, n): Certificate => {
    const createdAt = install.now - daysAgo * 86_400_000
    return {
      arn: `arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-4000-8000-00000000000${n}`,
      type: 'AMAZON_ISSUED',
      ...issueCertificate(authority, ['example.com'], 'EC_prime256v1', createdAt),
      chain: '',
      domainName: 'example.com',
      names: ['example.com'],
      keyAlgorithm: 'EC_prime256v1',
      createdAt,
      tags: [],
    }
  })
  await store.transact(0, [
    ...changes,
    ...old.map(value => ({ table: 'certificates', key: value.arn, value }) as const),
  ])
  await store.close()

  const running = await startSluice(t, { dataDir })
  const credentials = { accessKeyId: 'any', secretAccessKey: 'thing' }
  const client = new ACMClient({ endpoint: running.url, region: 'us-east-1', credentials })
  t.after(() => client.destroy())
  for (const { arn: CertificateArn, notAfter } of old) {
    await until('it is renewed', async () => {
      const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn }))
      return Certificate?.RenewalSummary?.RenewalStatus === 'SUCCESS'
    })
    const { Certificate = '' } = await client.send(new GetCertificateCommand({ CertificateArn }))
    const x509 = new X509Certificate(Certificate)
    assert(x509.validToDate.getTime() > notAfter)
    assert(x509.validToDate.getTime() > install.now + 390 * 86_400_000)
    assert(x509.verify(new X509Certificate(authority.certificate).publicKey))
  }
  assert.match(running.output(), /acm: issued arn:\S+ \(example\.com\) anew: it would have ended 20/)
})
