/** What an Application Load Balancer tells of its requests: access logs, connection logs, and what Prometheus reads. */
import assert from 'node:assert/strict'
import { globSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { constants, gunzipSync } from 'node:zlib'
import { lint } from '../../src/metrics/lint.fixture.ts'
import { timeout } from '../long.ts'
import { httpStage } from './http-stage.ts'
import { startSluice, temporaryDirectory, until } from './sluice.ts'

const logs = {
  'access_logs.s3.enabled': 'true',
  'access_logs.s3.bucket': 'logs',
  'access_logs.s3.prefix': 'shop',
  'connection_logs.s3.enabled': 'true',
  'connection_logs.s3.bucket': 'logs',
}

/** All lines of the logs in this folder of the data directory, of whole files and of those that are being written. */
function linesIn(dataDir: string, folder: string, kind: 'access' | 'connection'): string[] {
  return globSync(`${folder}/**/*.log.gz`, { cwd: dataDir })
    .filter(path => path.includes('/conn_log.') === (kind === 'connection'))
    .flatMap(path => {
      const text = gunzipSync(readFileSync(join(dataDir, path)), { finishFlush: constants.Z_SYNC_FLUSH })
      return text.toString().split('\n').slice(0, -1)
    })
}

test('each request is in the access log a second later, and delivered when Sluice stops or was killed', {
  timeout,
}, async t => {
  const { sluice } = await httpStage(t, { port: 28930, targets: 1, attributes: logs })
  const { dataDir } = sluice
  const asked = (path: string, folder: string) =>
    linesIn(dataDir, folder, 'access').filter(line => line.includes(`"GET http://127.0.0.1:28930${path} HTTP/1.1"`))
  for (let n = 0; n < 5; n++) assert.ok((await fetch('http://127.0.0.1:28930/one?a="b"')).ok)
  await until('they are on disk', () => asked('/one?a=%22b%22', 'open-logs').length === 5, 3_000)
  const [line = ''] = asked('/one?a=%22b%22', 'open-logs')
  assert.match(
    line,
    /^http \d{4}-\S+Z app\/alb-\S+ 127\.0\.0\.1:\d+ 127\.74\.2\.1:\d+ \S+ \S+ \S+ 200 200 \d+ \d+ "GET /,
  )
  await until('so are connections', () => linesIn(dataDir, 'open-logs', 'connection').length > 0, 3_000)

  for (const pid of sluice.pids('worker')) process.kill(pid, 'SIGKILL')
  const left = globSync('open-logs/**/*.log.gz', { cwd: dataDir })
  await until('others serve', () =>
    fetch('http://127.0.0.1:28930/two').then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  assert.equal(await sluice.stop(), 0)
  // Workers leave after their parent.
  await until('the others deliver', () => asked('/two', 'buckets/logs/shop/AWSLogs/000000000000').length === 1)

  const old = new Date(Date.now() - 7 * 60_000)
  for (const path of left) utimesSync(join(dataDir, path), old, old)
  const again = await startSluice(t, { dataDir })
  await until('what the killed ones left is delivered', () => asked('/one?a=%22b%22', 'buckets/logs/shop').length === 5)
  assert.deepEqual(globSync('open-logs/**/*.log.gz', { cwd: dataDir }), [])
  assert.equal(await again.stop(), 0)
})

test('Prometheus reads requests, answers, times and health of what it serves', { timeout }, async t => {
  const { sluice, group, loadBalancer } = await httpStage(t, { port: 28931, targets: 2 })
  const page = async () => {
    const response = await fetch(`${sluice.url}/metrics`)
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    return lint(await response.text())
  }
  const nameOf = (arn: string) => arn.slice(arn.lastIndexOf(':') + 1).replace('loadbalancer/', '')
  const balancer = `load_balancer="${nameOf(loadBalancer)}"`
  const [site, web] = [`${balancer},listener="HTTP:28931"`, `${balancer},target_group="${nameOf(group)}"`]
  const before = (await page()).get(`sluice_alb_requests_total{${site}}`) ?? 0
  for (let n = 0; n < 20; n++) assert.ok((await fetch('http://127.0.0.1:28931/')).ok)
  const after = await page()
  assert.equal(after.get(`sluice_alb_requests_total{${site}}`), before + 20)
  assert.equal(after.get(`sluice_alb_target_responses_total{${web},class="2xx"}`), before + 20)
  assert.equal(after.get(`sluice_alb_target_response_seconds_count{${web}}`), before + 20)
  assert.equal(after.get(`sluice_targets{${web},state="healthy"}`), 2)
  assert.equal(after.get('sluice_node_up'), 1)

  await t.test('without the node, too: what it said last', async () => {
    for (const part of ['node', 'worker'] as const) for (const pid of sluice.pids(part)) process.kill(pid, 'SIGSTOP')
    const began = performance.now()
    const now = await page()
    assert.ok(performance.now() - began < 1_500, 'within a second, and what this machine takes')
    assert.equal(now.get(`sluice_alb_requests_total{${site}}`), before + 20)
    for (const part of ['node', 'worker'] as const) for (const pid of sluice.pids(part)) process.kill(pid, 'SIGCONT')
  })
})

test('where keys are configured Prometheus needs one of them', { timeout }, async t => {
  const file = join(temporaryDirectory(t), 'keys')
  writeFileSync(file, '[prometheus]\naws_access_key_id = AKIAPROMETHEUS\naws_secret_access_key = s3cret\n', {
    mode: 0o600,
  })
  const { url } = await startSluice(t, { flags: ['--credentials', file] })
  assert.equal((await fetch(`${url}/metrics`)).status, 401)
  const authorization = `Basic ${Buffer.from('AKIAPROMETHEUS:s3cret').toString('base64')}`
  const response = await fetch(`${url}/metrics`, { headers: { authorization } })
  assert.equal(lint(await response.text()).get('sluice_node_up'), 1)
})
