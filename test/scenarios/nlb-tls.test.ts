/** A Network Load Balancer that ends TLS, as curl and openssl see it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OpenSsl } from '../../src/api/acm/openssl.fixture.ts'
import { albStage, albStory, asked, startEcho, startSecured } from './alb-stage.ts'
import { curl } from './curl.ts'
import { temporaryDirectory } from './sluice.ts'
import { shakeHands } from './tls-client.ts'

const port = 28770

albStory(
  'a TLS listener forwards to TCP and to TLS targets, and becomes a TCP listener',
  ['curl', 'openssl'],
  async t => {
    const { network, elbv2, acm } = await albStage(t)
    const directory = temporaryDirectory(t)
    const made = new OpenSsl(directory).make({ subject: '/CN=n.test', extensions: ['subjectAltName=DNS:n.test'] })
    writeFileSync(join(directory, 'n.pem'), made.Certificate)
    const [plain, secured] = await Promise.all([startEcho(t, '127.80.5.1'), startSecured(t, '127.80.5.2', made)])
    const [LoadBalancerArn, toTcp, toTls, { CertificateArn }] = await Promise.all([
      network.loadBalancer(),
      network.targetGroup('TCP', [plain]),
      network.targetGroup('TLS', [secured]),
      acm.importCertificate(made),
    ])
    const { Listeners = [] } = await elbv2.createListener({
      LoadBalancerArn,
      Protocol: 'TLS',
      Port: port,
      SslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06',
      AlpnPolicy: ['HTTP1Only'],
      Certificates: [{ CertificateArn }],
      DefaultActions: [{ Type: 'forward', TargetGroupArn: toTcp }],
    })
    const ListenerArn = String(Listeners[0]?.ListenerArn)
    await network.allHealthy(toTcp)
    await network.inPlace()
    const trusted = [
      '--cacert',
      join(directory, 'n.pem'),
      '--resolve',
      `n.test:${port}:127.0.0.1`,
      `https://n.test:${port}/`,
    ]

    const { headers, body } = asked(await curl(...trusted, '-d', 'hello'))
    assert.equal(body, 'hello')
    assert.equal(headers['x-forwarded-for'], undefined, 'it is relayed as it came')
    const hands = await shakeHands(
      `127.0.0.1:${port}`,
      'GET / HTTP/1.0\r\n\r\n',
      '-servername',
      'n.test',
      '-alpn',
      'h2,http/1.1',
    )
    assert.deepEqual([hands.version, hands.name], ['TLSv1.3', 'n.test'])
    assert.match(hands.answer, /"from":"127\.80\.5\.1"/)

    const forward = (TargetGroupArn: string) => [{ Type: 'forward' as const, TargetGroupArn }]
    await elbv2.modifyListener({ ListenerArn, DefaultActions: forward(toTls) })
    await network.inPlace()
    await network.allHealthy(toTls)
    assert.equal((await curl(...trusted)).body, 'secured')

    await elbv2.modifyListener({ ListenerArn, Protocol: 'TCP', DefaultActions: forward(toTcp) })
    await network.inPlace()
    assert.equal(asked(await curl(`http://127.0.0.1:${port}/`)).from, plain.address)
  },
)
