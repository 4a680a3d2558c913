/** `sluice check` on a running Sluice, and its cures as they would be pasted into a terminal. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { runAws } from '../../src/api/run-aws.fixture.ts'
import type { Finding } from '../../src/check/finding.ts'
import { lacking } from '../lacking.ts'
import { clientsOf, setUpBlueGreen } from './blue-green.ts'
import { has, startSluice } from './sluice.ts'

const command = join(import.meta.dirname, '../../bin/sluice')
const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_DEFAULT_REGION: 'us-east-1' }

function check(...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(command, ['check', ...flags], { encoding: 'utf8', timeout: 20_000 })
  return { status, stdout, stderr }
}

/** What a shell does with these lines, of which each calls the AWS CLI once. */
async function paste(lines: readonly string[], url: string): Promise<void> {
  const variables: Record<string, string> = {}
  for (const line of lines) {
    const [, name, call = line] = /^(\w+)=\$\((.*)\)$/.exec(line) ?? []
    const words = execFileSync('sh', ['-c', `aws() { printf '%s\\0' "$@"; }; ${call}`], {
      encoding: 'utf8',
      env: { ...process.env, ...variables },
    })
    const args = [...words.split('\0').slice(0, -1), '--endpoint-url', url]
    const { stdout } = await runAws(args, { ...process.env, ...keys, AWS_PAGER: '' })
    if (name !== undefined) variables[name] = stdout.trim()
  }
}

test('check says what a design will cost, its cures cure that, and its exit status tells', async t => {
  if (!has('aws')) return lacking(t, 'aws (Debian: awscli)')
  const { url } = await startSluice(t)
  const port = ['--port', new URL(url).port]
  const nothing = check(...port)
  assert.deepEqual([nothing.status, nothing.stdout.split('\n').length], [0, 2], nothing.stderr)

  await setUpBlueGreen(clientsOf(url), { protocol: 'TCP', desiredCount: 0, delay: 300 })
  const before = check('--json', ...port)
  assert.equal(before.status, 1)
  const findings: readonly Finding[] = JSON.parse(before.stdout)
  const ids = findings.map(({ id }) => id)
  const curable = ['hasty-move', 'orphan', 'delay-outlives-wait', 'no-rollback', 'no-security-group']
  assert.deepEqual(ids.toSorted(), [...curable, 'open-test-port'].toSorted())
  for (const id of curable) await paste(findings.find(its => its.id === id)!.commands, url)

  const after = check(...port)
  assert.equal(after.status, 1)
  // The old load balancer is still there, and the dummy listener is as open as the test listener.
  assert.deepEqual(
    [...after.stdout.matchAll(/^\w+ \((\S+)\): (.*)$/gm)].map(([, id, subject]) => `${id} ${subject}`),
    [
      'open-test-port deployment group shop/shop',
      'open-test-port deployment group shop/shop',
      'no-security-group load balancer shop',
    ],
  )
  assert.match(after.stdout, /\n0 errors, 3 warnings\.\n$/)
})

test('check that has nobody to ask, or is asked wrongly, exits with 2 and one line', () => {
  for (const [flags, line] of [
    [['--port', '1'], /^Sluice does not run at http:\/\/127\.0\.0\.1:1 /],
    [['--jason'], /^sluice: .*--jason/],
  ] as const) {
    const { status, stdout, stderr } = check(...flags)
    assert.deepEqual([status, stdout, stderr.trim().split('\n').length], [2, '', 1], stderr)
    assert.match(stderr, line)
  }
})
