import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { lacking } from '../../test/lacking.ts'
import { awsPrograms } from './aws-cli.fixture.ts'
import { runAws } from './run-aws.fixture.ts'

const environment = { ...process.env, AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }

test('a forked call of the AWS CLI ends as one that is started does, in its own environment', async t => {
  const programs = awsPrograms()
  if (programs.length === 0) return lacking(t, 'aws (Debian: awscli)')
  const calls = [
    { args: ['configure', 'list'], env: { ...environment, AWS_DEFAULT_REGION: 'eu-west-1' } },
    { args: ['configure', 'list'], env: { ...environment, AWS_DEFAULT_REGION: 'sa-east-1' } },
    // Without a region.
    { args: ['elbv2', 'describe-load-balancers'], env: environment },
    { args: ['deploy', 'wait', 'deployment-successful'], env: environment },
  ]
  const outcome = (printed: Promise<{ stdout: string; stderr: string }>) =>
    printed.then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )
  for (const program of programs) {
    const forked = calls.map(({ args, env }) => outcome(runAws(args, env, program)))
    const begun = calls.map(({ args, env }) => outcome(promisify(execFile)(program, args, { env })))
    assert.deepEqual(await Promise.all(forked), await Promise.all(begun))
    const [one, other] = await Promise.all(forked)
    assert.match(`${one?.stdout} / ${other?.stdout}`, /eu-west-1.* \/ .*sa-east-1/s)
  }
})

test('what is no Python script is started for each call', async () => {
  assert.deepEqual(await runAws(['seen'], environment, 'echo'), { stdout: 'seen\n', stderr: '' })
  await assert.rejects(runAws([], environment, 'false'), { code: 1 })
  await assert.rejects(runAws([], environment, 'no-such-program'), { code: 'ENOENT' })
})
