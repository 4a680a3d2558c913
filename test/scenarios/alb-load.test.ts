/** An Application Load Balancer under wrk and h2load, and with bodies larger than it may keep: nothing fails, nothing grows. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { long } from '../long.ts'
import { albStage, albStory } from './alb-stage.ts'
import { curl } from './curl.ts'
import { Network } from './network.ts'
import { temporaryDirectory } from './sluice.ts'
import { startWebTarget } from './web-target.ts'

const port = 28790

albStory(
  'no request of wrk or h2load fails, by HTTP or HTTPS, with a change of weights every 100 ms',
  ['wrk', 'h2load'],
  async t => {
    const { sluice, network, elbv2, acm } = await albStage(t)
    const targets = await Promise.all(
      ['127.80.7.1', '127.80.7.2'].map(address =>
        startWebTarget(t, address, 0, (_, response) => response.end('hello')),
      ),
    )
    const [LoadBalancerArn, { CertificateArn }, ...groups] = await Promise.all([
      network.applicationLoadBalancer(),
      acm.requestCertificate({ DomainName: 'load.test' }),
      ...targets.map(target => network.targetGroup('HTTP', [target])),
    ])
    const [one = '', two = ''] = groups
    const listener = await network.listener(LoadBalancerArn, 'HTTP', port, { [one]: 1, [two]: 1 })
    await elbv2.createListener({
      LoadBalancerArn,
      Protocol: 'HTTPS',
      Port: port + 1,
      Certificates: [{ CertificateArn }],
      DefaultActions: [{ Type: 'forward', TargetGroupArn: one }],
    })
    await Promise.all(groups.map(group => network.allHealthy(group)))
    await network.inPlace()

    const quick = new Network(sluice.url)
    let [isOver, changes] = [false, 0]
    const keepChanging = async () => {
      for (; !isOver; changes++) {
        await quick.forward(listener, { [one]: changes % 3, [two]: 1 })
        await pause(100)
      }
    }
    const changing = keepChanging()
    const seconds = String(long ? 120 : 2)
    for (const url of [`http://127.0.0.1:${port}/`, `https://127.0.0.1:${port + 1}/`]) {
      const { stdout: wrk } = await promisify(execFile)('wrk', ['-t', '1', '-c', '32', '-d', `${seconds}s`, url])
      assert.match(wrk, /[1-9]\d* requests in/)
      assert.doesNotMatch(wrk, /Socket errors|Non-2xx/, wrk)
      const h2loadArgs = ['--h1', '-t', '1', '-c', '32', '-n', String(long ? 500_000 : 5_000), url]
      const { stdout: h2load } = await promisify(execFile)('h2load', h2loadArgs)
      assert.match(h2load, / 0 failed, 0 errored, 0 timeout\n/, h2load)
      assert.match(h2load, / 0 3xx, 0 4xx, 0 5xx\n/, h2load)
      t.diagnostic(`${url}: wrk ${/\d+ requests in \S+/.exec(wrk)?.[0]}; h2load ${/\d+ succeeded/.exec(h2load)?.[0]}`)
    }
    isOver = true
    await changing
    t.diagnostic(`${changes} changes of weights`)
  },
)

/** Kilobytes of a process: its memory now, and the most that it ever was. */
function memory(pid: number): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { now: of('VmRSS'), most: of('VmHWM') }
}

albStory('large bodies pass in constant memory, also where who takes them is slow', ['curl'], async t => {
  const { sluice, network, elbv2, acm } = await albStage(t)
  const size = long ? 2 * 2 ** 30 : 64 * 2 ** 20
  const piece = Buffer.alloc(1 << 20, 'x')
  let taken = 0
  const target = await startWebTarget(t, '127.80.7.3', 0, async (request, response) => {
    if (request.method === 'GET') {
      response.setHeader('content-length', size)
      let left = size
      const give = () => {
        while (left > 0) {
          left -= piece.length
          if (!response.write(piece)) return
        }
        response.end()
      }
      response.on('drain', give)
      give()
      return
    }
    taken = 0
    for await (const chunk of request) {
      // Until everything between has filled.
      if (taken === 0) await pause(500)
      taken += chunk.length
    }
    response.end()
  })
  const [LoadBalancerArn, group, { CertificateArn }] = await Promise.all([
    network.applicationLoadBalancer(),
    network.targetGroup('HTTP', [target]),
    acm.requestCertificate({ DomainName: 'load.test' }),
  ])
  await network.listener(LoadBalancerArn, 'HTTP', port + 2, { [group]: 1 })
  await elbv2.createListener({
    LoadBalancerArn,
    Protocol: 'HTTPS',
    Port: port + 3,
    Certificates: [{ CertificateArn }],
    DefaultActions: [{ Type: 'forward', TargetGroupArn: group }],
  })
  await network.allHealthy(group)
  await network.inPlace()
  const file = join(temporaryDirectory(t), 'large')
  writeFileSync(file, '')
  truncateSync(file, size)

  for (const url of [`http://127.0.0.1:${port + 2}/`, `https://127.0.0.1:${port + 3}/`]) {
    await curl('-k', ...Array.from({ length: 10 }, () => url), '-d', 'warm')
    const before = new Map(sluice.pids('worker').map(pid => [pid, memory(pid).now]))
    const longest = ['-k', '--max-time', '600']
    const answer = await curl(...longest, '-T', file, url)
    assert.equal(answer.status, 200)
    assert.equal(taken, size)
    const rate = ['--limit-rate', long ? '150M' : '80M']
    const { stdout } = await promisify(execFile)('curl', [
      '-s',
      ...longest,
      ...rate,
      '-o',
      '/dev/null',
      '-w',
      '%{size_download}',
      url,
    ])
    assert.equal(Number(stdout), size)
    for (const [pid, kilobytes] of before) {
      const more = (memory(pid).most - kilobytes) / 1024
      t.diagnostic(`${url}: a worker took ${more.toFixed(0)} MiB more`)
      // Less than the body, so that the short form can tell too.
      assert.ok(more < (long ? 64 : 48), `${more.toFixed(0)} MiB`)
    }
  }
})
