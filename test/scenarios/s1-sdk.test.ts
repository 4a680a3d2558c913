import { test } from 'node:test'
import { lacking } from '../lacking.ts'
import { sdkDriver } from './drivers.ts'
import { storyOfS1 } from './s1.ts'
import { has } from './sluice.ts'

test('S1 with the JavaScript SDK: when a target’s health service stops, the same socket’s datagrams move to the other one', async t => {
  if (!has('nc')) return lacking(t, 'nc (Debian: netcat-openbsd)')
  await storyOfS1(t, { port: 28001, targets: ['127.130.1.2', '127.130.1.3'] }, sdkDriver)
})
