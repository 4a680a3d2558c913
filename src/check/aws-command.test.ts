import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { aws } from './aws-command.ts'

test('a shell reads the words of a command as they were meant', () => {
  const command = aws('elbv2 create-rule', {
    priority: 5,
    actions: ['a b', "it's"],
    json: { Key: '$HOME', Value: '*' },
    'no-wait': true,
    group: '$group',
  })
  const said = execFileSync('sh', ['-c', `group=sg-1; aws() { printf '%s\\n' "$@"; }; ${command}`], {
    encoding: 'utf8',
  })
  assert.deepEqual(said.trimEnd().split('\n'), [
    'elbv2',
    'create-rule',
    '--priority',
    '5',
    '--actions',
    'a b',
    "it's",
    '--json',
    '{"Key":"$HOME","Value":"*"}',
    '--no-wait',
    '--group',
    'sg-1',
  ])
})
