import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { basename } from 'node:path'
import { test } from 'node:test'
import { BindProblems } from './bind-problem.ts'
import { listenerOn, serveEcho } from './userspace/tcp.fixture.ts'

test('a taken TCP port names who has it', async t => {
  await serveEcho(t, 21990)
  const problems = await new BindProblems().of([listenerOn(21990)], new Map([['TCP 127.0.0.1 21990', 'EADDRINUSE']]))
  const self = `${basename(process.execPath)} (pid ${process.pid})`
  assert.deepEqual(problems, [
    {
      listener: 'TCP 127.0.0.1 21990',
      listenerArn: 'arn:listener/21990',
      reason: `port 21990 on 127.0.0.1 is taken by ${self}`,
    },
  ])
})

test('while a port stays taken, each asking says who has it by then', async t => {
  const problems = new BindProblems()
  const listener = listenerOn(21992)
  const reason = async () => (await problems.of([listener], new Map([[listener.id, 'EADDRINUSE']])))[0]?.reason
  const takenByChild = async () => {
    const code = "require('net').createServer().listen(21992, '127.0.0.1', () => console.log('listens'))"
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill())
    await once(child.stdout, 'data')
    return child
  }
  const first = await takenByChild()
  for (let n = 0; n < 2; n++) assert.match((await reason()) ?? '', new RegExp(`\\(pid ${first.pid}\\)$`))
  first.kill()
  await once(first, 'exit')
  const second = await takenByChild()
  assert.match((await reason()) ?? '', new RegExp(`\\(pid ${second.pid}\\)$`))
})

test('a UDP port taken on all addresses names who has it', async t => {
  const socket = createSocket('udp4').bind(21991)
  await once(socket, 'listening')
  t.after(() => socket.close())
  const listener = listenerOn(21991, { protocol: 'UDP' })
  const [problem] = await new BindProblems().of([listener], new Map([[listener.id, 'EADDRINUSE']]))
  assert.match(problem?.reason ?? '', new RegExp(`^port 21991 on 127.0.0.1 is taken by .* \\(pid ${process.pid}\\)$`))
})

test('the other errors are said in words, and listeners without one not at all', async () => {
  const reasonOf = async (code: string, address = '127.0.0.1') => {
    const listener = listenerOn(80, { address })
    const problems = await new BindProblems().of([listener, listenerOn(81)], new Map([[listener.id, code]]))
    assert.equal(problems.length, 1)
    return problems[0]?.reason
  }
  assert.equal(await reasonOf('EADDRNOTAVAIL', '10.0.1.4'), 'address 10.0.1.4 is not on this host')
  assert.equal(
    await reasonOf('EACCES'),
    'no permission to listen on port 80: ports below 1024 need root or CAP_NET_BIND_SERVICE',
  )
  assert.equal(await reasonOf('EAFNOSUPPORT', '::1'), "address ::1 can't be used: this host has no IPv6")
  assert.equal(await reasonOf('EADDRINUSE'), 'port 80 on 127.0.0.1 is taken by another program')
  assert.equal(await reasonOf('EIO'), "can't listen on TCP 127.0.0.1 port 80: EIO")
})
