/** What an Application Load Balancer's targets see of curl's requests, and curl of their answers. */
import assert from 'node:assert/strict'
import { albStage, albStory, asked, startEcho } from './alb-stage.ts'
import { curl } from './curl.ts'

const port = 28710
const url = `http://127.0.0.1:${port}`

albStory('requests and answers pass as HTTP says, with what the load balancer adds', ['curl'], async t => {
  const { network } = await albStage(t)
  const [target, loadBalancer] = await Promise.all([startEcho(t, '127.80.1.1'), network.applicationLoadBalancer()])
  const group = await network.targetGroup('HTTP', [target])
  await network.listener(loadBalancer, 'HTTP', port, { [group]: 1 })
  await network.allHealthy(group)

  await t.test('the target is told who asked, by which protocol and port, and with a trace id', async () => {
    const { headers, lines } = asked(await curl(`${url}/a?b`, '-H', 'Connection: X-Hop', '-H', 'X-Hop: 1'))
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['x-forwarded-proto'], 'http')
    assert.equal(headers['x-forwarded-port'], String(port))
    assert.match(String(headers['x-amzn-trace-id']), /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/)
    assert.equal(headers.host, `127.0.0.1:${port}`)
    assert.ok(!lines.some(line => /x-hop/i.test(line)), 'what Connection names is for this hop alone')

    const root = 'Root=1-67891233-abcdef012345678912345678'
    const told = [
      '-H',
      'X-Forwarded-For: 203.0.113.7',
      '-H',
      'X-Forwarded-Proto: https',
      '-H',
      `X-Amzn-Trace-Id: ${root}`,
    ]
    const again = asked(await curl(url, ...told)).headers
    assert.equal(again['x-forwarded-for'], '203.0.113.7, 127.0.0.1')
    assert.equal(again['x-forwarded-proto'], 'http')
    assert.match(String(again['x-amzn-trace-id']), new RegExp(`^Self=1-[0-9a-f]{8}-[0-9a-f]{24};${root}$`))
  })

  await t.test('HEAD, 204 and 304 have no body, and the connection serves on', async () => {
    const head = await curl('-I', `${url}/status/200`)
    assert.equal(head.status, 200)
    for (const status of [204, 304]) {
      const answer = await curl(`${url}/status/${status}`, `${url}/status/${status}`)
      assert.equal(answer.status, status)
      assert.equal(answer.body, '')
      assert.equal(answer.connects, 0, 'the second is asked on the same connection')
      assert.equal(answer.fields['transfer-encoding'], undefined)
    }
  })

  await t.test('bodies come with a length, in chunks, and after 100 Continue', async () => {
    const plain = asked(await curl(url, '-d', 'hello'))
    assert.deepEqual([plain.method, plain.body, plain.headers['content-length']], ['POST', 'hello', '5'])
    const chunked = asked(await curl(url, '-H', 'Transfer-Encoding: chunked', '-d', 'hello'))
    assert.deepEqual([chunked.body, chunked.headers['transfer-encoding']], ['hello', 'chunked'])
    assert.equal(chunked.headers['content-length'], undefined)
    const { body } = await curl(url, '-i', '-H', 'Expect: 100-continue', '-d', 'hello')
    assert.match(body, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
    assert.match(body, /"body":"hello"/)
  })

  await t.test('a client of HTTP/1.0 gets no chunks, and its target a request of HTTP/1.1', async () => {
    const answer = await curl('-0', url)
    assert.equal(asked(answer).version, '1.1')
    assert.equal(answer.fields['transfer-encoding'], undefined)
    assert.equal((await curl(url)).fields['transfer-encoding']?.[0], 'chunked', 'as the target sent it')
  })

  await t.test('the other zone’s address serves, too', async () => {
    const there = asked(await curl(`http://127.0.0.2:${port}/`))
    assert.equal(there.headers.host, `127.0.0.2:${port}`)
  })

  await t.test('what is no HTTP, and what no load balancer takes, is refused', async () => {
    assert.equal((await curl(url, '-X', 'TRACE')).status, 405)
    assert.equal((await curl(`${url}/${'a'.repeat(17_000)}`)).status, 414)
    const { status, fields } = await curl(
      url,
      '-H',
      'Transfer-Encoding: chunked',
      '-H',
      'Content-Length: 0x5',
      '-d',
      'hello',
    )
    assert.equal(status, 400)
    assert.deepEqual(fields.server, ['awselb/2.0'])
  })
})
