/** What curl gets of an Application Load Balancer whose targets fail, one after the other. */
import assert from 'node:assert/strict'
import { albStage, albStory, asked, startEcho } from './alb-stage.ts'
import { curl } from './curl.ts'
import { until } from './sluice.ts'

const port = 28720
const url = `http://127.0.0.1:${port}`

albStory(
  'a target that dies is passed over; unhealthy ones are asked where no other is, and none is 503',
  ['curl'],
  async t => {
    const { network, elbv2 } = await albStage(t)
    const [one, two] = await Promise.all(['127.80.1.3', '127.80.1.4'].map(address => startEcho(t, address)))
    assert.ok(one && two)
    const loadBalancer = await network.applicationLoadBalancer()
    const group = await network.targetGroup('HTTP', [one, two], { 'deregistration_delay.timeout_seconds': '0' })
    await network.listener(loadBalancer, 'HTTP', port, { [group]: 1 })
    await network.allHealthy(group)

    const both = new Set<string>()
    for (let n = 0; n < 6; n++) both.add(asked(await curl(url)).from)
    assert.deepEqual([...both].sort(), [one.address, two.address])
    one.kill()
    for (let n = 0; n < 10; n++) assert.equal(asked(await curl(url)).from, two.address, 'no request fails')
    await until('it is unhealthy', async () => (await network.health(group))[one.address] === 'unhealthy')

    // No answer is good enough for the next check, so both are unhealthy, and both are asked.
    await elbv2.modifyTargetGroup({ TargetGroupArn: group, Matcher: { HttpCode: '201' } })
    await until('both are unhealthy', async () => (await network.health(group))[two.address] === 'unhealthy')
    const { TargetHealthDescriptions = [] } = await elbv2.describeTargetHealth({ TargetGroupArn: group })
    assert.deepEqual(TargetHealthDescriptions.find(({ Target }) => Target?.Id === two.address)?.TargetHealth, {
      State: 'unhealthy',
      Reason: 'Target.ResponseCodeMismatch',
      Description: 'Health checks failed with these codes: [200]',
    })
    for (let n = 0; n < 10; n++) assert.equal(asked(await curl(url)).from, two.address, 'fail open')
    two.kill()
    assert.equal((await curl(url)).status, 502)

    await network.deregister(group, one, two)
    await until('none is left', async () => (await curl(url)).status === 503)
    assert.match((await curl(url)).body, /503 Service Temporarily Unavailable/)
  },
)
