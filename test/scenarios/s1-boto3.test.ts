import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { lacking } from '../lacking.ts'
import { boto3Driver } from './drivers.ts'
import { storyOfS1 } from './s1.ts'
import { has } from './sluice.ts'

test('S1 with boto3: when a target’s health service stops, the same socket’s datagrams move to the other one', async t => {
  if (!has('nc')) return lacking(t, 'nc (Debian: netcat-openbsd)')
  const python = ['python3', '/usr/bin/python3'].find(hasBoto3)
  if (python === undefined) return lacking(t, 'boto3 (Debian: python3-boto3)')
  await storyOfS1(t, { port: 28003, targets: ['127.130.3.2', '127.130.3.3'] }, url => boto3Driver(t, url, python))
})

function hasBoto3(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import boto3'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
