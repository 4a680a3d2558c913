/** An Application Load Balancer as the target of a Network Load Balancer, which tells it the client's address either way. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { lacking } from '../lacking.ts'
import { albStage, albStory, asked, startEcho } from './alb-stage.ts'
import { curl } from './curl.ts'

interface Stage {
  /** Of the Application Load Balancer; the other's is the next. */
  readonly port: number
  readonly protocol: 'HTTP' | 'HTTPS'
  readonly flags: readonly string[]
}

async function story(t: TestContext, { port, protocol, flags }: Stage): Promise<void> {
  const { network, elbv2, acm } = await albStage(t, { flags })
  const target = await startEcho(t, '127.80.4.1')
  const [alb, nlb, group, front] = await Promise.all([
    network.applicationLoadBalancer(),
    network.loadBalancer(),
    network.targetGroup('HTTP', [target]),
    network.targetGroup('TCP', [], {}, { TargetType: 'alb', Port: port, HealthCheckProtocol: protocol }),
  ])
  const certificate = protocol === 'HTTPS' ? await acm.requestCertificate({ DomainName: 'behind.test' }) : undefined
  await elbv2.createListener({
    LoadBalancerArn: alb,
    Protocol: protocol,
    Port: port,
    ...(certificate && { Certificates: [certificate] }),
    DefaultActions: [{ Type: 'forward', TargetGroupArn: group }],
  })
  await network.allHealthy(group)
  await elbv2.registerTargets({ TargetGroupArn: front, Targets: [{ Id: alb }] })
  await network.listener(nlb, 'TCP', port + 1, { [front]: 1 })
  await network.allHealthy(front)

  const url = `${protocol.toLowerCase()}://127.0.0.1:${port + 1}/`
  const { headers } = asked(await curl('-k', url, '--interface', '127.80.9.7'))
  assert.equal(headers['x-forwarded-for'], '127.80.9.7')
  assert.equal(headers['x-forwarded-proto'], protocol.toLowerCase())
  assert.equal(headers['x-forwarded-port'], String(port))
  await assert.rejects(elbv2.deleteLoadBalancer({ LoadBalancerArn: alb }), { code: 'ResourceInUse' })
}

albStory('kernel: an HTTP listener behind a Network Load Balancer', ['curl'], async t => {
  if (process.getuid?.() !== 0) return lacking(t, 'root')
  await story(t, { port: 28750, protocol: 'HTTP', flags: [] })
})

albStory('userspace: an HTTPS listener behind a Network Load Balancer', ['curl'], t =>
  story(t, { port: 28760, protocol: 'HTTPS', flags: ['--no-kernel'] }),
)
