import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ACMClient,
  DescribeCertificateCommand,
  ImportCertificateCommand,
  RequestCertificateCommand,
  waitUntilCertificateValidated,
} from '@aws-sdk/client-acm'
import { lacking } from '../../../test/lacking.ts'
import { openMemoryStore } from '../../store/memory.ts'
import { awsCli, awsPrograms } from '../aws-cli.fixture.ts'
import { serviceContract } from '../service.contract.ts'
import { clientOptions, openStubApi } from '../stub-api.fixture.ts'
import { openSsl } from './openssl.fixture.ts'
import { acm } from './service.ts'

serviceContract(acm)

test('the AWS SDK requests certificates, waits for their validation, and gets errors', async t => {
  const client = new ACMClient(clientOptions(await openStubApi(t, { services: [acm] })))
  t.after(() => client.destroy())
  const request = { DomainName: 'example.com', ValidationMethod: 'DNS', KeyAlgorithm: 'EC_prime256v1' } as const
  const { CertificateArn } = await client.send(new RequestCertificateCommand(request))
  const { state } = await waitUntilCertificateValidated({ client, maxWaitTime: 61 }, { CertificateArn })
  assert.equal(state, 'SUCCESS')
  await assert.rejects(client.send(new DescribeCertificateCommand({ CertificateArn: `${CertificateArn}0` })), {
    name: 'ResourceNotFoundException',
    message: `Could not find certificate ${CertificateArn}0 in account 000000000000.`,
  })
  await assert.rejects(client.send(new RequestCertificateCommand({ ...request, DomainName: 'localhost' })), {
    name: 'ValidationException',
    message:
      /^1 validation error detected: Value 'localhost' at 'domainName' failed to satisfy constraint: Member must satisfy reg/,
  })
  await assert.rejects(client.send(new DescribeCertificateCommand({ CertificateArn: undefined })), {
    name: 'ValidationException',
    message:
      "1 validation error detected: Value null at 'certificateArn' failed to satisfy constraint: Member must not be null",
  })
})

test('no error says what a private key is', async t => {
  const client = new ACMClient(clientOptions(await openStubApi(t, { services: [acm] })))
  t.after(() => client.destroy())
  const secret = Buffer.alloc(5_121, 'secret')
  await assert.rejects(
    client.send(new ImportCertificateCommand({ Certificate: Buffer.from('x'), PrivateKey: secret })),
    {
      message:
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=5121 cap=5121]' at 'privateKey' failed to satisfy " +
        'constraint: Member must have length less than or equal to 5120',
    },
  )
})

test('the AWS CLI, of whatever age, makes every call', async t => {
  const programs = awsPrograms()
  if (programs.length === 0) return lacking(t, 'aws (Debian: awscli)')
  const openssl = openSsl(t)
  if (openssl === undefined) return
  const root = openssl.make({ subject: '/CN=root' })
  const made = openssl.make({ issuer: root })
  const files = [
    '--certificate',
    made.Certificate,
    '--private-key',
    made.PrivateKey,
    '--certificate-chain',
    root.Certificate,
  ]
  const material = files.map(part => (typeof part === 'string' ? part : `fileb://${openssl.file(part)}`))
  for (const program of programs) {
    const store = openMemoryStore()
    const { run: aws } = awsCli((await openStubApi(t, { services: [acm], store })).url, { program })
    const { CertificateArn: imported } = await aws('acm import-certificate', ...material)
    assert.deepEqual(await aws(`acm import-certificate --certificate-arn ${imported}`, ...material), {
      CertificateArn: imported,
    })
    assert.deepEqual(await aws(`acm get-certificate --certificate-arn ${imported}`), {
      Certificate: made.Certificate.toString(),
      CertificateChain: root.Certificate.toString(),
    })
    const { CertificateArn: issued } = await aws(
      'acm request-certificate --domain-name example.com --subject-alternative-names *.example.com --validation-method DNS ' +
        '--idempotency-token once --tags Key=team,Value=edge --options CertificateTransparencyLoggingPreference=DISABLED',
    )
    await aws(`acm wait certificate-validated --certificate-arn ${issued}`)
    const { Certificate } = await aws(`acm describe-certificate --certificate-arn ${issued}`)
    assert.deepEqual(
      [Certificate.Status, Certificate.DomainValidationOptions[1].DomainName],
      ['ISSUED', '*.example.com'],
    )
    const summaries = async (more: string) => (await aws(`acm list-certificates${more}`)).CertificateSummaryList
    assert.equal((await summaries(''))[0].CertificateArn, issued)
    assert.equal((await summaries(' --includes keyTypes=EC_prime256v1'))[0].CertificateArn, imported)
    assert.deepEqual(await summaries(' --certificate-statuses EXPIRED'), [])

    await aws(`acm add-tags-to-certificate --certificate-arn ${issued} --tags Key=tier,Value=1`)
    await aws(`acm remove-tags-from-certificate --certificate-arn ${issued} --tags Key=team`)
    const { Tags } = await aws(`acm list-tags-for-certificate --certificate-arn ${issued}`)
    assert.deepEqual(Tags, [{ Key: 'tier', Value: '1' }])
    await aws(
      `acm update-certificate-options --certificate-arn ${issued} --options CertificateTransparencyLoggingPreference=ENABLED`,
    )
    await aws(`acm renew-certificate --certificate-arn ${issued}`)
    const { Certificate: renewed } = await aws(`acm describe-certificate --certificate-arn ${issued}`)
    assert.equal(renewed.RenewalSummary.RenewalStatus, 'SUCCESS')
    assert.notEqual(renewed.Serial, Certificate.Serial)
    for (const arn of [issued, imported]) await aws(`acm delete-certificate --certificate-arn ${arn}`)
    assert.equal(store.read().certificates.size, 0)
    await assert.rejects(
      aws(`acm describe-certificate --certificate-arn ${issued}`),
      /\(ResourceNotFoundException\) when calling the DescribeCertificate operation: Could not find certificate/,
    )
  }
})
