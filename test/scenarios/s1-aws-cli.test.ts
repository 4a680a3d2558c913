import { test } from 'node:test'
import { lacking } from '../lacking.ts'
import { cliDriver } from './drivers.ts'
import { storyOfS1 } from './s1.ts'
import { has } from './sluice.ts'

test('S1 with the AWS CLI: when a target’s health service stops, the same socket’s datagrams move to the other one', async t => {
  if (!has('nc')) return lacking(t, 'nc (Debian: netcat-openbsd)')
  if (!has('aws')) return lacking(t, 'aws (Debian: awscli)')
  await storyOfS1(t, { port: 28002, targets: ['127.130.2.2', '127.130.2.3'] }, cliDriver)
})
