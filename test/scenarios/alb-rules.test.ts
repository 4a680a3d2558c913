/** How an Application Load Balancer's rules choose, as curl sees it. */
import assert from 'node:assert/strict'
import type { RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2'
import { albStage, albStory, asked, startEcho } from './alb-stage.ts'
import { curl } from './curl.ts'
import { forward } from './network.ts'

const port = 28700
const url = `http://127.0.0.1:${port}`

albStory('rules choose by host, path, header, method, query string and source address', ['curl'], async t => {
  const { network, elbv2 } = await albStage(t)
  const [shop, api] = await Promise.all([startEcho(t, '127.80.0.1'), startEcho(t, '127.80.0.2')])
  const [loadBalancer, toShop, toApi] = await Promise.all([
    network.applicationLoadBalancer(),
    network.targetGroup('HTTP', [shop]),
    network.targetGroup('HTTP', [api]),
  ])
  const listener = await network.listener(loadBalancer, 'HTTP', port, { [toShop]: 1 })
  const fixed = (StatusCode: string, MessageBody: string) => ({
    Type: 'fixed-response' as const,
    FixedResponseConfig: { StatusCode, MessageBody, ContentType: 'application/json' },
  })
  const add = (priority: number, conditions: RuleCondition[], action: Parameters<typeof network.rule>[3]) =>
    network.rule(listener, priority, conditions, action)

  const hosts = { Field: 'host-header', HostHeaderConfig: { Values: ['*.API.example.com'] } }
  const paths = { Field: 'path-pattern', PathPatternConfig: { Values: ['/img/*.png', '/one?'] } }
  const rules = await Promise.all([
    add(10, [hosts], forward({ [toApi]: 1 })),
    add(20, [paths], forward({ [toApi]: 1 })),
    add(
      30,
      [{ Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'X-Plan', Values: ['gold*'] } }],
      fixed('200', '"gold"'),
    ),
    add(
      40,
      [{ Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['PURGE', 'DELETE'] } }],
      fixed('403', '"read only"'),
    ),
    add(
      50,
      [{ Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'version', Value: '2*' }, { Value: 'beta' }] } }],
      fixed('200', '"next"'),
    ),
    add(
      60,
      [
        { Field: 'source-ip', SourceIpConfig: { Values: ['127.80.9.0/24'] } },
        { Field: 'path-pattern', PathPatternConfig: { RegexValues: ['^/secret/[0-9]+$'] } },
      ],
      fixed('200', '"from the inside"'),
    ),
    add(70, [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/old/*'] } }], {
      Type: 'redirect',
      RedirectConfig: { Path: '/new', Query: 'path=#{path}&host=#{host}&#{query}', StatusCode: 'HTTP_302' },
    }),
  ])
  await Promise.all([toShop, toApi].map(group => network.allHealthy(group)))
  await network.inPlace()

  await t.test('host and path: patterns of theirs, and everything else by the default rule', async () => {
    const from = async (...args: string[]) => asked(await curl(...args)).from
    assert.equal(await from(`${url}/`), shop.address)
    assert.equal(await from(`${url}/`, '-H', 'Host: v1.api.EXAMPLE.com'), api.address)
    assert.equal(await from(`${url}/`, '-H', 'Host: api.example.com'), shop.address)
    assert.equal(await from(`${url}/img/a/b.png?x=1`), api.address)
    assert.equal(await from(`${url}/IMG/a.png`), shop.address, 'paths have their case')
    assert.equal(await from(`${url}/one1`), api.address)
    assert.equal(await from(`${url}/one`), shop.address)
  })

  await t.test('header, method, query string, source address', async () => {
    const said = async (...args: string[]) => {
      const { status, fields, body } = await curl(...args)
      return fields.server?.[0] === 'awselb/2.0' ? `${status} ${body}` : 'the default rule'
    }
    assert.equal(await said(url, '-H', 'x-plan: GOLDEN'), '200 "gold"')
    assert.equal(await said(url, '-H', 'x-plan: silver'), 'the default rule')
    assert.equal(await said(url, '-X', 'DELETE'), '403 "read only"')
    assert.equal(await said(url, '-X', 'delete'), 'the default rule')
    assert.equal(await said(`${url}/?a=1&Version=2.1`), '200 "next"')
    assert.equal(await said(`${url}/?anything=BETA`), '200 "next"')
    assert.equal(await said(`${url}/?version=1`), 'the default rule')
    assert.equal(await said(`${url}/secret/12`, '--interface', '127.80.9.7'), '200 "from the inside"')
    assert.equal(await said(`${url}/secret/12`, '--interface', '127.80.8.7'), 'the default rule')
    assert.equal(await said(`${url}/secret/x`, '--interface', '127.80.9.7'), 'the default rule')
    // The address that connects counts, and not what somebody says of it.
    assert.equal(await said(`${url}/secret/12`, '-H', 'X-Forwarded-For: 127.80.9.7'), 'the default rule')
  })

  await t.test('a redirect says where, a fixed response what was asked for', async () => {
    const { status, fields } = await curl(`${url}/old/a?b=c`, '-H', `Host: shop.example.com:${port}`)
    assert.equal(status, 302)
    assert.deepEqual(fields.location, [`http://shop.example.com:${port}/new?path=old/a&host=shop.example.com&b=c`])
    const followed = asked(await curl('-L', `${url}/old/a?b=c`))
    assert.equal(followed.url, '/new?path=old/a&host=127.0.0.1&b=c')
    const gold = await curl(url, '-H', 'x-plan: gold')
    assert.deepEqual(gold.fields['content-type'], ['application/json; charset=utf-8'])
  })

  await t.test('a priority in use is refused, two are swapped, a rule changed and deleted', async () => {
    const gold = [url, '-H', 'x-plan: gold', '-X', 'DELETE'] as const
    assert.equal((await curl(...gold)).status, 200)
    await assert.rejects(add(30, [hosts], fixed('200', '')), { code: 'PriorityInUse' })
    const [, , thirty = '', forty = ''] = rules
    await elbv2.setRulePriorities({
      RulePriorities: [
        { RuleArn: thirty, Priority: 40 },
        { RuleArn: forty, Priority: 30 },
      ],
    })
    await network.inPlace()
    assert.equal((await curl(...gold)).status, 403)
    await elbv2.modifyRule({ RuleArn: forty, Actions: [fixed('418', '')] })
    await network.inPlace()
    assert.equal((await curl(...gold)).status, 418)
    await elbv2.deleteRule({ RuleArn: forty })
    await network.inPlace()
    assert.equal((await curl(...gold)).status, 200)
    const { Rules = [] } = await elbv2.describeRules({ ListenerArn: listener })
    assert.deepEqual(
      Rules.map(({ Priority }) => Priority),
      ['10', '20', '40', '50', '60', '70', 'default'],
    )
  })
})
