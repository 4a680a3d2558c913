/** What an operator asks of a running Sluice: where a flow goes, what target hosts need; with keys, too. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ACMClient, GetCertificateCommand, RequestCertificateCommand } from '@aws-sdk/client-acm'
import { Network } from './network.ts'
import { startSluice, temporaryDirectory, until } from './sluice.ts'
import { startTarget } from './targets.ts'

const command = join(import.meta.dirname, '../../bin/sluice')

async function sluice(...args: string[]) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { timeout: 20_000 })
    return { code: 0, output: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout + stderr }
  }
}

/** Who answers one datagram from this port, if anybody does within 0.2 s. */
function ask(from: number, port: number): Promise<string | undefined> {
  const client = createSocket('udp4')
  return new Promise<string | undefined>(resolve => {
    const timer = setTimeout(() => resolve(undefined), 200)
    client.once('message', answer => {
      clearTimeout(timer)
      resolve(answer.toString().split(' ')[0])
    })
    client.bind(from, '127.0.0.1', () => client.send('who?', port, '127.0.0.1'))
  }).finally(() => client.close())
}

test('explain says which target a flow goes to, and there it goes; it exits with 1 where there is none', async t => {
  const running = await startSluice(t)
  const network = new Network(running.url)
  const targets = ['127.66.3.1', '127.66.3.2', '127.66.3.3'].map(address => ({ address, port: 9000 }))
  for (const { address, port } of targets) await startTarget(t, address, port)
  const group = await network.targetGroup('UDP', targets)
  await network.listener(await network.loadBalancer(), 'UDP', 28601, { [group]: 1 })
  const port = ['--port', new URL(running.url).port]
  // Until then who serves may change between a question and a datagram.
  await network.allHealthy(group)
  let freshPort = 28610
  await until('flows go where it says, now that all serve', async () => {
    const clientPort = freshPort++
    const name = await ask(clientPort, 28601)
    const { output } = await sluice('explain', 'udp', `127.0.0.1:${clientPort}`, '127.0.0.1:28601', ...port)
    return name !== undefined && output.includes(`${name}:9000, slot`)
  })

  for (const clientPort of [28602, 28603, 28604, 28605]) {
    // First the question: what the API says of a target comes a moment before the data plane follows.
    const { code, output } = await sluice('explain', 'udp', `127.0.0.1:${clientPort}`, '127.0.0.1:28601', ...port)
    const name = await until('a target answers', () => ask(clientPort, 28601))
    assert.equal(/target {4}(\S+):9000, slot \d+ of \d+, by the flow\n/.exec(output)?.[1], name, output)
    assert.equal(code, 0)
  }
  const nobody = await sluice('explain', 'tcp', '127.0.0.1:5555', '127.0.0.1:28601', ...port)
  assert.match(nobody.output, /none is TCP 127\.0\.0\.1 28601; there are UDP 127\.0\.0\.1 28601\n/)
  assert.equal(nobody.code, 1)

  const routes = await sluice('target', 'render', '--target-group', group, ...port)
  assert.match(routes.output, /127\.66\.3\.1:9000: an address of the balancing host itself/)
  const unknown = await sluice('sg', 'render', ...port, '--target-group=arn:none')
  assert.deepEqual(unknown, { code: 1, output: "There is no target group 'arn:none'.\n" })
})

test('ca prints the root of what RequestCertificate issues, the same each time', async t => {
  const running = await startSluice(t)
  const port = ['--port', new URL(running.url).port]
  const { code, output } = await sluice('ca', ...port)
  assert.equal(code, 0)
  const root = new X509Certificate(output)
  const client = new ACMClient({
    endpoint: running.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  })
  t.after(() => client.destroy())
  const { CertificateArn } = await client.send(new RequestCertificateCommand({ DomainName: 'example.com' }))
  const { Certificate = '', CertificateChain } = await client.send(new GetCertificateCommand({ CertificateArn }))
  assert(new X509Certificate(Certificate).verify(root.publicKey))
  assert.equal(CertificateChain, output)
  assert.equal((await sluice('ca', ...port)).output, output)
})

test('with credentials, questions are signed, their parameters with them', async t => {
  const file = join(temporaryDirectory(t), 'keys')
  writeFileSync(file, '[a]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n', { mode: 0o600 })
  const running = await startSluice(t, { flags: ['--credentials', file] })
  const ask = ['explain', 'udp', '[2001:db8::2]:5555', '[::1]:80', '--port', new URL(running.url).port]
  assert.match((await sluice(...ask, '--credentials', file)).output, /none is UDP ::1 80/)
  assert.match((await sluice(...ask)).output, /refused the key .*--credentials FILE/)
})

for (const args of [
  ['explain', 'udp', '10.0.0.1', '10.0.0.2:2'],
  ['explain', 'udp', '10.0.0.1:1', '[::1]:2'],
  ['target', 'render'],
  ['target', 'list', '--target-group', 'arn'],
  ['sg', 'render', '--target-group'],
  ['sg', 'render', '--target-group', 'arn', '--nonsense'],
]) {
  test(`sluice ${args.join(' ')} is refused in one line`, async () => {
    const { code, output } = await sluice(...args)
    assert.equal(code, 2)
    assert.equal(output.trim().split('\n').length, 1, output)
  })
}
