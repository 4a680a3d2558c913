/** An HTTPS listener with certificates by SNI, as curl and openssl see it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ec, OpenSsl, rsa } from '../../src/api/acm/openssl.fixture.ts'
import { albStage, albStory, asked, startEcho, startSecured } from './alb-stage.ts'
import { curl } from './curl.ts'
import { temporaryDirectory } from './sluice.ts'
import { shakeHands } from './tls-client.ts'

const port = 28740
const place = `127.0.0.1:${port}`
const request = `GET / HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n`

albStory(
  'HTTPS: certificates by SNI, policies, sessions, and certificates exchanged under load',
  ['curl', 'openssl'],
  async t => {
    const { sluice, network, elbv2, acm } = await albStage(t)
    const directory = temporaryDirectory(t)
    const openssl = new OpenSsl(directory)
    const importable = (name: string, key: string) =>
      openssl.make({ subject: `/CN=${name}`, key, extensions: [`subjectAltName=DNS:${name}`] })
    const [a, b, b2] = [importable('a.test', ec), importable('b.test', rsa), importable('b.test', rsa)]
    const [target, secured] = await Promise.all([startEcho(t, '127.80.3.1'), startSecured(t, '127.80.3.2', a)])
    const [loadBalancer, group, securedGroup, requested, ...imported] = await Promise.all([
      network.applicationLoadBalancer(),
      network.targetGroup('HTTP', [target]),
      network.targetGroup('HTTPS', [secured], {}, { HealthCheckProtocol: 'HTTPS' }),
      acm.requestCertificate({
        DomainName: 'shop.test',
        SubjectAlternativeNames: ['*.shop.test'],
        ValidationMethod: 'DNS',
      }),
      ...[a, b].map(each => acm.importCertificate(each)),
    ])
    const [ofShop, ofA, ofB] = [requested, ...imported].map(({ CertificateArn }) => String(CertificateArn))
    const { Listeners = [] } = await elbv2.createListener({
      LoadBalancerArn: loadBalancer,
      Protocol: 'HTTPS',
      Port: port,
      Certificates: [{ CertificateArn: ofShop }],
      DefaultActions: [{ Type: 'forward', TargetGroupArn: group }],
    })
    const ListenerArn = String(Listeners[0]?.ListenerArn)
    const redirect = {
      Type: 'redirect',
      RedirectConfig: { Protocol: 'HTTPS', Port: String(port), StatusCode: 'HTTP_301' },
    } as const
    await Promise.all([
      elbv2.addListenerCertificates({ ListenerArn, Certificates: [{ CertificateArn: ofA }, { CertificateArn: ofB }] }),
      elbv2.createListener({
        LoadBalancerArn: loadBalancer,
        Protocol: 'HTTP',
        Port: port + 1,
        DefaultActions: [redirect],
      }),
      network.rule(ListenerArn, 1, [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/secured'] } }], {
        Type: 'forward',
        TargetGroupArn: securedGroup,
      }),
    ])
    await Promise.all([group, securedGroup].map(arn => network.allHealthy(arn)))
    await network.inPlace()

    const command = join(import.meta.dirname, '../../bin/sluice')
    const { stdout: root } = await promisify(execFile)(command, ['ca', '--port', new URL(sluice.url).port])
    const trust = (name: string, pem: string | Uint8Array) => {
      writeFileSync(join(directory, name), pem)
      return ['--cacert', join(directory, name)]
    }
    const ours = trust('root.pem', root)
    const [trustA, trustB] = [
      trust('a.pem', a.Certificate),
      trust('b.pem', Buffer.concat([b.Certificate, b2.Certificate])),
    ]
    const resolve = (name: string) => ['--resolve', `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`]

    await t.test('curl verifies each name’s certificate, the requested one by what `sluice ca` prints', async () => {
      for (const name of ['shop.test', 'www.shop.test']) {
        const { headers } = asked(await curl(...ours, ...resolve(name)))
        assert.equal(headers['x-forwarded-proto'], 'https')
        assert.equal(headers['x-forwarded-port'], String(port))
      }
      asked(await curl(...trustA, ...resolve('a.test')))
      asked(await curl(...trustB, ...resolve('b.test')))
      await assert.rejects(curl(...ours, ...resolve('b.test')), /ended with 60/)
      await assert.rejects(curl(...ours, ...resolve('nowhere.test')), /ended with 60/)
    })

    await t.test('openssl gets the name that it asks for, and the default without one', async () => {
      const name = async (...args: string[]) => (await shakeHands(place, request, ...args)).name
      assert.equal(await name('-servername', 'b.test'), 'b.test')
      assert.equal(await name('-servername', 'x.shop.test'), 'shop.test')
      assert.equal(await name('-servername', 'nowhere.test'), 'shop.test')
      assert.equal(await name('-noservername'), 'shop.test')
    })

    await t.test('HTTP is redirected to HTTPS, and curl follows', async () => {
      const { status, fields } = await curl(`http://127.0.0.1:${port + 1}/a?b`)
      assert.deepEqual([status, fields.location], [301, [`https://127.0.0.1:${port}/a?b`]])
      const to = ['--resolve', `shop.test:${port + 1}:127.0.0.1`, '--resolve', `shop.test:${port}:127.0.0.1`]
      const followed = asked(await curl('-L', ...ours, ...to, `http://shop.test:${port + 1}/a?b`))
      assert.deepEqual([followed.url, followed.headers['x-forwarded-proto']], ['/a?b', 'https'])
    })

    await t.test('targets are spoken to by TLS where their group is HTTPS, whatever their certificate', async () => {
      const { body } = await curl(
        ...ours,
        '--resolve',
        `shop.test:${port}:127.0.0.1`,
        `https://shop.test:${port}/secured`,
      )
      assert.equal(body, 'secured')
    })

    await t.test('a session is resumed, with TLS 1.2 and 1.3, and the policy decides which there are', async () => {
      const session = join(directory, 'session')
      const of = async (version: string, ...args: string[]) =>
        shakeHands(place, request, '-servername', 'a.test', `-${version}`, ...args)
      assert.equal((await of('tls1_2', '-sess_out', session)).isResumed, false)
      const again = await of('tls1_2', '-sess_in', session)
      assert.ok(again.isResumed)
      assert.match(again.answer, /^HTTP\/1\.1 200 OK/)

      await elbv2.modifyListener({ ListenerArn, SslPolicy: 'ELBSecurityPolicy-TLS13-1-3-2021-06' })
      await network.inPlace()
      assert.equal((await of('tls1_2')).version, '(NONE)')
      await assert.rejects(curl(...trustA, '--tls-max', '1.2', ...resolve('a.test')), /ended with 35/)
      assert.equal((await of('tls1_3', '-sess_out', session)).version, 'TLSv1.3')
      const { isResumed, answer } = await of('tls1_3', '-sess_in', session)
      assert.ok(isResumed)
      assert.match(answer, /^HTTP\/1\.1 200 OK/)
    })

    await t.test('certificates are exchanged under load, and no request fails', async () => {
      let [isDone, requests] = [false, 0]
      // curl asks each on a connection of its own, and ends at the first that fails.
      const load = async (name: string, trusted: readonly string[]) => {
        const [resolved = '', to = '', url] = resolve(name)
        for (; !isDone; requests += 20)
          await curl(...trusted, '--fail', '--fail-early', '-H', 'Connection: close', resolved, to, `${url}?[1-20]`)
      }
      const change = async () => {
        try {
          await acm.importCertificate({ CertificateArn: ofB, ...b2 })
          await elbv2.modifyListener({ ListenerArn, Certificates: [{ CertificateArn: ofA }] })
          await elbv2.addListenerCertificates({ ListenerArn, Certificates: [{ CertificateArn: ofShop }] })
          await network.inPlace()
        } finally {
          isDone = true
        }
      }
      await Promise.all([load('b.test', trustB), load('a.test', trustA), change()])
      t.diagnostic(`${requests} requests, each with a handshake of its own`)
      asked(await curl(...trust('b2.pem', b2.Certificate), ...resolve('b.test')))
      assert.equal((await shakeHands(place, request, '-noservername')).name, 'a.test', 'the new default')
    })
  },
)
