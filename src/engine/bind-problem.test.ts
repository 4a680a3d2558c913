import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { basename } from 'node:path'
import { test } from 'node:test'
import { bindProblems } from './bind-problem.ts'
import { listenerOn, serveEcho } from './userspace/tcp.fixture.ts'

test('a taken TCP port names who has it', async t => {
  await serveEcho(t, 21990)
  const problems = await bindProblems([listenerOn(21990)], new Map([['TCP 127.0.0.1 21990', 'EADDRINUSE']]))
  const self = `${basename(process.execPath)} (pid ${process.pid})`
  assert.deepEqual(problems, [
    {
      listener: 'TCP 127.0.0.1 21990',
      listenerArn: 'arn:listener/21990',
      reason: `port 21990 on 127.0.0.1 is taken by ${self}`,
    },
  ])
})

test('a UDP port taken on all addresses names who has it', async t => {
  const socket = createSocket('udp4').bind(21991)
  await once(socket, 'listening')
  t.after(() => socket.close())
  const listener = listenerOn(21991, { protocol: 'UDP' })
  const [problem] = await bindProblems([listener], new Map([[listener.id, 'EADDRINUSE']]))
  assert.match(problem?.reason ?? '', new RegExp(`^port 21991 on 127.0.0.1 is taken by .* \\(pid ${process.pid}\\)$`))
})

test('the other errors are said in words, and listeners without one not at all', async () => {
  const reasonOf = async (code: string, address = '127.0.0.1') => {
    const listener = listenerOn(80, { address })
    const problems = await bindProblems([listener, listenerOn(81)], new Map([[listener.id, code]]))
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
