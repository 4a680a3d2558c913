/** Clients that keep their target group and their target by cookies, curl's jars being the clients. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { albStage, albStory, asked, startEcho } from './alb-stage.ts'
import { curl } from './curl.ts'
import { forward, Network } from './network.ts'
import { startSluice, temporaryDirectory, until } from './sluice.ts'

const port = 28730
const url = `http://127.0.0.1:${port}`

albStory('a client keeps its target group and its target, also over a restart of all of Sluice', ['curl'], async t => {
  const { sluice, network, elbv2 } = await albStage(t)
  const targets = await Promise.all(
    ['127.80.2.1', '127.80.2.2', '127.80.2.3', '127.80.2.4'].map(at => startEcho(t, at)),
  )
  const sticky = {
    'stickiness.enabled': 'true',
    'stickiness.type': 'lb_cookie',
    'stickiness.lb_cookie.duration_seconds': '600',
  }
  const [loadBalancer, blue, green] = await Promise.all([
    network.applicationLoadBalancer(),
    network.targetGroup('HTTP', targets.slice(0, 2), sticky),
    network.targetGroup('HTTP', targets.slice(2), sticky),
  ])
  const listener = await network.listener(loadBalancer, 'HTTP', port, { [blue]: 1 })
  const stickyGroups = forward({ [blue]: 3, [green]: 1 })
  await elbv2.modifyListener({
    ListenerArn: listener,
    DefaultActions: [
      {
        ...stickyGroups,
        ForwardConfig: {
          ...stickyGroups.ForwardConfig,
          TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 600 },
        },
      },
    ],
  })
  await network.inPlace()
  await Promise.all([blue, green].map(group => network.allHealthy(group)))
  const colour = (from: string) => (targets.slice(0, 2).some(({ address }) => address === from) ? 'blue' : 'green')
  const ask = async (...args: string[]) => asked(await curl(url, ...args)).from
  const directory = temporaryDirectory(t)
  const jar = (name: string) => ['-c', join(directory, name), '-b', join(directory, name)]

  // 3:1 of 40 with fair coins: less than 20 or more than 39 comes once in 300 and 100,000 runs.
  const chosen: string[] = []
  for (let n = 0; n < 40; n++) chosen.push(colour(await ask()))
  const shareOfBlue = chosen.filter(one => one === 'blue').length
  t.diagnostic(`${shareOfBlue} of 40 requests went to blue, which weighs three quarters`)
  assert.ok(shareOfBlue >= 18 && shareOfBlue <= 39)

  const clients = ['a', 'b', 'c', 'd', 'e', 'f']
  const kept = new Map<string, string>()
  for (const client of clients) kept.set(client, await ask(...jar(client)))
  const names = readFileSync(join(directory, 'a'), 'utf8').match(/AWSALB\w*/g)
  assert.deepEqual(names?.sort(), ['AWSALB', 'AWSALBCORS', 'AWSALBTG', 'AWSALBTGCORS'])
  const allKeep = async (when: string) => {
    for (const client of clients)
      for (let n = 0; n < 3; n++) assert.equal(await ask(...jar(client)), kept.get(client), when)
  }
  await allKeep('with its cookies')
  const [first = '', other = ''] = [kept.get('a'), targets.find(({ address }) => address !== kept.get('a'))?.address]

  await t.test('a cookie that was changed chooses nothing, and none goes to the target’s own cookies', async () => {
    const forged = readFileSync(join(directory, 'a'), 'utf8').replace(/(AWSALB\w*\t..........)./g, '$1*')
    writeFileSync(join(directory, 'forged'), forged)
    const seen = new Set<string>()
    for (let n = 0; n < 40 && seen.size < 2; n++) seen.add(await ask('-b', join(directory, 'forged')))
    assert.equal(seen.size, 2, `${other} is as likely as ${first}`)
  })

  await t.test('over a restart of all of Sluice', async () => {
    await sluice.stop('SIGTERM')
    const again = await startSluice(t, { dataDir: sluice.dataDir })
    await new Network(again.url).inPlace()
    await until('it serves', () =>
      curl(url).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    await allKeep('after the restart')
  })

  await t.test('a target that is gone is replaced for good', async () => {
    const target = targets.find(({ address }) => address === first)
    target?.kill()
    const next = await ask(...jar('a'))
    assert.notEqual(next, first)
    assert.equal(colour(next), colour(first), 'its group it keeps')
    assert.equal(await ask(...jar('a')), next)
    await target?.start()
    assert.equal(await ask(...jar('a')), next)
  })
})
