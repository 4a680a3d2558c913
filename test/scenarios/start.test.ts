/** The first minutes of a user: the command, the example, the doctor, and what a start refuses. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { lacking } from '../lacking.ts'
import { startWithTasks } from './blue-green.ts'
import { netcat } from './netcat.ts'
import { has, startSluice, temporaryDirectory, until } from './sluice.ts'

const command = join(import.meta.dirname, '../../bin/sluice')

/** Runs the command to its end. */
async function sluice(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, [...args], {
      env: { ...process.env, ...environment },
      timeout: 20_000,
    })
    return { code: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout + stderr }
  }
}

test('the example answers nc over UDP and TCP, and moves when a target’s health service is stopped as the hint says', async t => {
  if (!has('nc')) return lacking(t, 'nc (Debian: netcat-openbsd)')
  const running = await startSluice(t, { flags: ['--example'] })
  await until('the hints are printed', () => running.output().includes('kill -USR2'))
  const client = netcat(t, '-u', '127.0.0.1', '8080')
  const answer = async () => {
    const seen = client.lines.length
    client.send('hello')
    return until('an answer', () => client.lines[seen], 2_000).catch(() => undefined)
  }
  const first = await until('a target answers', answer)
  assert.match(first, /^(blue|green) sees you as 127\.0\.0\.1 port \d+$/)
  const overTcp = netcat(t, '127.0.0.1', '8081')
  overTcp.send('hello')
  await until('TCP answers', () => /^(blue|green) sees you/.test(overTcp.lines[0] ?? ''), 5_000)

  const name = first.split(' ')[0]
  const pid = Number(new RegExp(`kill -USR2 (\\d+) +stops ${name}'s`).exec(running.output())?.[1])
  process.kill(pid, 'SIGUSR2')
  await until(
    'the other target answers the same nc',
    async () => ((await answer()) ?? first).split(' ')[0] !== name,
    15_000,
  )

  const doctor = await sluice(['doctor', '--port', new URL(running.url).port])
  assert.equal(doctor.code, 0, doctor.output)
  assert.match(doctor.output, /hello {2}UDP 127\.0\.0\.1:8080 {2}in place/)
  assert.match(doctor.output, /unhealthy, \d+ flows: connection refused/)
  assert.match(running.output(), /node: target 127\.65\.0\.\d:8080 of hello-udp is now unhealthy: connection refused/)
})

test('a second Sluice beside the first says which ports it lacks, and stops in order', async t => {
  const first = await startSluice(t, { flags: ['--example'] })
  await until('the first has its example', () => first.output().includes('nc -u 127.0.0.1 8080'))
  const { sluice: second } = await startWithTasks(t, ['--example'])
  await until('the second has its example', () => second.output().includes('sample targets do not run'))
  await until('its listeners are told', () =>
    /listener UDP 127\.0\.0\.1 8080 of hello is NOT IN PLACE: .*taken by/.test(second.output()),
  )
  const hindered = () => second.output().includes('"shop" is set up, but not every listener')
  await until('nothing is said to try', hindered).catch(error => assert.fail(`${error.message}\n${second.output()}`))
  assert.doesNotMatch(second.output(), /undefined|sed s.v1/)
  assert.equal(await second.stop('SIGINT'), 0)
})

for (const [what, signal, isToAll] of [
  ['SIGTERM to `npm start`', 'SIGTERM', false],
  ['Ctrl-C under `npm start`, which npm passes on a second time,', 'SIGINT', true],
] as const)
  test(`${what} stops Sluice in order`, async t => {
    const dataDir = temporaryDirectory(t)
    const flags = ['--port', '0', '--dns-port', '0', '--no-example', '--data-dir', dataDir]
    const npm = spawn('npm', ['start', '--', ...flags], {
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let output = ''
    for (const stream of [npm.stdout, npm.stderr]) stream.on('data', chunk => (output += chunk))
    const ended = once(npm, 'close')
    t.after(() => npm.exitCode ?? process.kill(-npm.pid!, 'SIGKILL'))
    await until('Sluice serves', () => output.includes('API at'))
    process.kill(isToAll ? -npm.pid! : npm.pid!, signal)
    // Its output is closed when the last of its processes has ended.
    await ended
    assert.match(output, /sluice: stopping; /)
    assert.doesNotMatch(output, /stays there/)
  })

test('GET /healthz answers 200 once it serves', async t => {
  const running = await startSluice(t)
  assert.equal((await fetch(`${running.url}/healthz`)).status, 200)
})

test('doctor without a running Sluice says so, and how to start one', async () => {
  const { code, output } = await sluice(['doctor', '--port', '1'])
  assert.equal(code, 1)
  assert.match(output, /does not run at http:\/\/127\.0\.0\.1:1 .*bin\/sluice up/)
})

test('version and help answer', async () => {
  assert.match((await sluice(['version'])).output, /^sluice \d+\.\d+\.\d+ \(node 26\./)
  assert.match((await sluice(['help'])).output, /--data-dir DIR/)
  assert.match((await sluice(['up', '--help'])).output, /--data-dir DIR/)
})

test('what it prints onto a full disk is an error in one line', async t => {
  if (!existsSync('/dev/full')) return lacking(t, '/dev/full')
  const printing = promisify(execFile)('sh', ['-c', `${command} help > /dev/full`])
  await assert.rejects(printing, { code: 2, stderr: /^sluice: what it prints cannot be written: ENOSPC.*\n$/ })
})

for (const [args, message] of [
  [['up', '--port', 'many'], /--port must be a whole number from 0 to 65535, not 'many'/],
  [['up', '--timing', 'fast'], /--timing must be instant, aws-alb, aws-nlb or aws, not 'fast'/],
  [['up', '--time-scale', '60'], /--time-scale goes with --timing aws-alb, aws-nlb or aws/],
  [['up', '--host', '0.0.0.0'], /--host 0\.0\.0\.0 is reachable from other machines.*--credentials/],
  [['up', '--account', '12'], /--account must be twelve digits/],
  [['up', '--nonsense'], /--nonsense.*sluice help/],
  [['serve'], /no command 'serve'/],
] as const) {
  test(`sluice ${args.join(' ')} is refused in one line`, async () => {
    const { code, output } = await sluice(args)
    assert.equal(code, 2)
    assert.match(output, message)
    assert.equal(output.trim().split('\n').length, 1)
  })
}

test('a flag is also an environment variable', async () => {
  const { code, output } = await sluice(['up'], { SLUICE_PORT: 'many' })
  assert.equal(code, 2)
  assert.match(output, /SLUICE_PORT must be a whole number/)
})

test('a taken port is a clear message and exit code 1', async t => {
  const holder = createServer().listen(0, '127.0.0.1')
  t.after(() => holder.close())
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  const { code, output } = await sluice([
    'up',
    '--no-example',
    '--dns-port',
    '0',
    '--port',
    String(port),
    '--data-dir',
    temporaryDirectory(t),
  ])
  assert.equal(code, 1)
  assert.match(output, new RegExp(`${port}.*(in use|taken)`))
})

test('a credentials file that others may read is refused; with mode 0600 unsigned calls are', async t => {
  const file = join(temporaryDirectory(t), 'keys')
  writeFileSync(file, '[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secretsecret\n')
  chmodSync(file, 0o644)
  const open = await sluice([
    'up',
    '--no-example',
    '--port',
    '0',
    '--dns-port',
    '0',
    '--credentials',
    file,
    '--data-dir',
    temporaryDirectory(t),
  ])
  assert.equal(open.code, 1)
  assert.match(open.output, /mode 0644.*chmod 600/)
  chmodSync(file, 0o600)
  const running = await startSluice(t, { flags: ['--credentials', file] })
  const body = 'Action=DescribeLoadBalancers&Version=2015-12-01'
  const answer = await fetch(running.url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.equal(answer.status, 403)
  const doctor = await sluice(['doctor', '--port', new URL(running.url).port, '--credentials', file])
  assert.equal(doctor.code, 0, doctor.output)
  const stranger = await sluice(['doctor', '--port', new URL(running.url).port])
  assert.match(stranger.output, /refused the key .*--credentials FILE/)
})

test('POST /_sluice/reset empties everything, listeners included, and answers when all is gone', async t => {
  const running = await startSluice(t)
  const { Network } = await import('./network.ts')
  const network = new Network(running.url)
  const group = await network.targetGroup('TCP', [])
  await network.listener(await network.loadBalancer(), 'TCP', 28501, { [group]: 1 })
  const holdsPort = () =>
    new Promise<boolean>(resolve => {
      const probe = createServer()
      probe.on('error', () => resolve(true))
      probe.listen(28501, '127.0.0.1', () => probe.close(() => resolve(false)))
    })
  await until('the listener is in place', holdsPort)
  const answer = await fetch(`${running.url}/_sluice/reset`, { method: 'POST', headers: { authorization: 'test' } })
  assert.equal(answer.status, 200)
  assert.equal(await holdsPort(), false)
  assert.deepEqual((await network.elbv2.describeLoadBalancers({})).LoadBalancers, [])
  assert.notEqual((await network.subnet()).subnetId, 'undefined')
})
