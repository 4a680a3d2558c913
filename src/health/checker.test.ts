import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Health, Probe } from '../domain/health.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { Checker } from './checker.ts'
import { tickMs } from './schedule.ts'

const base: Probe = {
  key: '',
  protocol: 'TCP',
  address: '127.0.0.1',
  port: 1,
  path: '/',
  matcher: '200-399',
  intervalMs: 5_000,
  timeoutMs: 2_000,
  healthyThreshold: 3,
  unhealthyThreshold: 2,
  host: '127.0.0.1:80',
}

function probes(...list: Partial<Probe>[]): Map<string, Probe> {
  return new Map(list.map((part, i) => [part.key ?? `t${i}`, { ...base, key: `t${i}`, ...part }]))
}

/** A TCP server on a free port that knows who came when. */
async function target(t: TestContext, host = '127.0.0.1', onSocket = (socket: Socket) => void socket.resume()) {
  const server: Server = createServer(socket => {
    socket.on('error', () => {})
    onSocket(socket)
  })
  await once(server.listen(0, host), 'listening')
  t.after(() => server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

/** A port that nothing listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function checker(t: TestContext, options: Partial<ConstructorParameters<typeof Checker>[0]> = {}) {
  const clock = new VirtualClock()
  const changes: [string, string, number][] = []
  const made = new Checker({
    clock,
    onChange: changed => {
      for (const [key, health] of changed) changes.push([key, health?.verdict ?? 'gone', clock.now()])
    },
    ...options,
  })
  t.after(() => made.close())
  return { clock, checker: made, changes }
}

function last(health: Health | undefined): string | undefined {
  return health?.results.at(-1)?.reason
}

describe('Checker', () => {
  it('finds a new target healthy by its first check, made at once', async t => {
    const { port } = await target(t)
    const { clock, checker: c, changes } = checker(t)
    c.update(probes({ port }))
    assert.equal(c.health.get('t0')?.verdict, 'initial')
    await clock.advance(200)
    assert.equal(c.health.get('t0')?.verdict, 'healthy')
    assert.match(last(c.health.get('t0')) ?? '', /^passed in \d+ ms$/)
    assert.deepEqual(
      changes.map(([, verdict]) => verdict),
      ['initial', 'healthy'],
    )
  })

  it('finds a refusing target unhealthy after two checks, with the reason', async t => {
    const port = await closedPort()
    const { clock, checker: c } = checker(t)
    c.update(probes({ port }))
    await clock.advance(4_000)
    assert.equal(c.health.get('t0')?.verdict, 'initial')
    await clock.advance(6_000)
    assert.equal(c.health.get('t0')?.verdict, 'unhealthy')
    assert.equal(last(c.health.get('t0')), 'connection refused')
  })

  it('finds a new target healthy soon after it begins to listen, long before its next check', async t => {
    const port = await closedPort()
    const { clock, checker: c } = checker(t)
    c.update(probes({ port, intervalMs: 30_000 }))
    await clock.advance(3_000)
    assert.equal(c.health.get('t0')?.verdict, 'initial')
    const server = createServer(socket => socket.resume())
    await once(server.listen(port, '127.0.0.1'), 'listening')
    t.after(() => server.close())
    await clock.advance(2_000)
    assert.equal(c.health.get('t0')?.verdict, 'healthy')
  })

  it('asks a new target that fails more often and counts as often, and one that has a verdict as ever', async t => {
    let calls = 0
    const { port } = await target(t, '127.0.0.1', socket => {
      calls++
      socket.end('HTTP/1.1 503 Busy\r\n\r\n')
    })
    const { clock, checker: c, changes } = checker(t)
    const start = clock.now()
    c.update(probes({ port, protocol: 'HTTP', intervalMs: 10_000, unhealthyThreshold: 3 }))
    await clock.advance(9_000)
    assert.ok(calls >= 7 && calls <= 9, `${calls} in the first 9 s`)
    assert.equal(c.health.get('t0')?.against, 1)
    await clock.advance(15_000)
    const [, verdict, at] = changes.at(-1) ?? []
    assert.equal(verdict, 'unhealthy')
    assert.ok(Number(at) - start >= 18_000, `judged after ${Number(at) - start} ms`)
    assert.equal(c.health.get('t0')?.results.length, 3)
    calls = 0
    await clock.advance(60_000)
    assert.ok(calls >= 5 && calls <= 7, `${calls} in a minute`)
  })

  it('makes no more than 80 checks a second beyond the usual ones, however many new targets fail', async t => {
    let calls = 0
    const { port } = await target(t, '0.0.0.0', socket => {
      calls++
      socket.end('HTTP/1.1 503 Busy\r\n\r\n')
    })
    const { clock, checker: c } = checker(t)
    const failing = { port, protocol: 'HTTP', unhealthyThreshold: 10 } as const
    c.update(probes(...Array.from({ length: 500 }, (_, i) => ({ ...failing, address: `127.70.${i >> 8}.${i & 255}` }))))
    await slowly(clock, 5_000, () => calls)
    calls = 0
    await slowly(clock, 10_000, () => calls)
    t.diagnostic(`${calls} checks in 10 s`)
    assert.ok(calls >= 1_200 && calls <= 1_100 + 800, `${calls} checks in 10 s`)
    for (const { against } of c.health.values()) assert.ok(against >= 3 && against <= 4, `${against} counted`)
  })

  it('checks over IPv6', async t => {
    const { port } = await target(t, '::1')
    const { clock, checker: c } = checker(t)
    c.update(probes({ port, address: '::1', source: '127.0.0.1' }))
    await clock.advance(200)
    assert.equal(c.health.get('t0')?.verdict, 'healthy')
  })

  it('comes from the address asked for, or from another one where that is not on this host', async t => {
    const from: (string | undefined)[] = []
    const { port } = await target(t, '127.0.0.1', socket => {
      from.push(socket.remoteAddress)
      socket.resume()
    })
    const { clock, checker: c } = checker(t)
    c.update(probes({ port, source: '127.70.9.9' }, { port, source: '192.0.2.77' }))
    await clock.advance(300)
    assert.deepEqual(from.sort(), ['127.0.0.1', '127.70.9.9'])
    assert.equal(c.health.get('t1')?.verdict, 'healthy')
  })

  it('asks a silent target without the source address next time', async t => {
    const from: (string | undefined)[] = []
    // Reads the request and says nothing to the load balancer's own address.
    const { port } = await target(t, '127.0.0.1', socket => {
      from.push(socket.remoteAddress)
      if (socket.remoteAddress === '127.0.0.1') socket.end('HTTP/1.1 200 OK\r\n\r\n')
      else socket.resume()
    })
    const { clock, checker: c } = checker(t)
    c.update(probes({ port, protocol: 'HTTP', source: '127.70.9.9' }))
    await clock.advance(2_200)
    assert.equal(last(c.health.get('t0')), 'timed out after 2 s')
    await clock.advance(12_800)
    assert.deepEqual(from.slice(0, 3), ['127.70.9.9', '127.0.0.1', '127.0.0.1'])
    assert.equal(c.health.get('t0')?.verdict, 'healthy')
  })

  it('judges a healthy target that falls silent within threshold x interval + 1 s', async t => {
    let silent = false
    const { port } = await target(t, '127.0.0.1', socket => {
      if (silent) socket.resume()
      else socket.end('HTTP/1.1 200 OK\r\n\r\n')
    })
    const { clock, checker: c, changes } = checker(t)
    c.update(probes({ port, protocol: 'HTTP' }))
    // In its phase, and right after a check.
    const checks = () => c.health.get('t0')?.results.at(-1)?.at
    await clock.advance(60_000)
    for (const before = checks(); checks() === before; ) await clock.advance(tickMs)
    silent = true
    const since = clock.now()
    await clock.advance(20_000)
    const [, verdict, at] = changes.find(([, verdict]) => verdict === 'unhealthy') ?? []
    assert.equal(verdict, 'unhealthy')
    assert.ok(Number(at) - since <= 11_000 + 2 * tickMs, `judged after ${Number(at) - since} ms`)
  })

  it('keeps health when a parameter changes, begins anew when the address does, and forgets what is gone', async t => {
    const { port } = await target(t, '0.0.0.0')
    const { clock, checker: c, changes } = checker(t)
    c.update(probes({ port }))
    await clock.advance(200)
    const healthy = c.health.get('t0')
    c.update(probes({ port, intervalMs: 30_000, unhealthyThreshold: 5 }))
    assert.equal(c.health.get('t0'), healthy)
    c.update(probes({ port, address: '127.70.0.2' }))
    assert.equal(c.health.get('t0')?.verdict, 'initial')
    await clock.advance(5_200)
    assert.equal(c.health.get('t0')?.verdict, 'healthy')
    c.update(new Map())
    assert.equal(c.health.size, 0)
    await clock.advance(100)
    assert.deepEqual(changes.at(-1)?.slice(0, 2), ['t0', 'gone'])
  })

  it('holds verdicts from before until checks speak, and forgets those that nobody asks for', async t => {
    const { port } = await target(t)
    const healthy: Health = { verdict: 'healthy', since: 7, against: 0, results: [] }
    const initial = new Map([
      ['t0', healthy],
      ['other', healthy],
    ])
    const { checker: c, clock } = checker(t, { initial })
    assert.equal(c.health.get('t0'), healthy)
    c.update(probes({ port }))
    assert.equal(c.health.get('t0'), healthy)
    assert.equal(c.health.has('other'), false)
    await clock.advance(6_000)
    assert.equal(c.health.get('t0')?.since, 7)
    assert.equal(c.health.get('t0')?.results.length, 2)
  })

  it('begins anew with a target that was registered again, whether it runs meanwhile or not', async t => {
    const { port } = await target(t)
    const healthy: Health = { verdict: 'healthy', since: 7, against: 0, results: [], registeredAt: 1 }
    const initial = new Map([
      ['t0', healthy],
      ['t1', healthy],
    ])
    const { checker: c } = checker(t, { initial })
    c.update(probes({ port, registeredAt: 1 }, { port, registeredAt: 8 }))
    assert.equal(c.health.get('t0'), healthy)
    assert.deepEqual([c.health.get('t1')?.verdict, c.health.get('t1')?.registeredAt], ['initial', 8])
    c.update(probes({ port, registeredAt: 1, until: Number.MAX_SAFE_INTEGER }, { port, registeredAt: 8 }))
    assert.equal(c.health.get('t0'), healthy)
    c.update(probes({ port, registeredAt: 9 }, { port, registeredAt: 8 }))
    assert.deepEqual([c.health.get('t0')?.verdict, c.health.get('t0')?.registeredAt], ['initial', 9])
  })

  it('checks a target that drains until its delay is over, and then forgets it', async t => {
    const { server, port } = await target(t)
    const silent = await target(t, '127.0.0.1', () => {})
    const { clock, checker: c, changes } = checker(t)
    const until = clock.now() + 12_000
    const isChecked = { intervalMs: 5_000, unhealthyThreshold: 1, until }
    c.update(probes({ port, ...isChecked }, { port: silent.port, protocol: 'HTTP', timeoutMs: 4_000, ...isChecked }))
    await clock.advance(11_900)
    assert.equal(c.health.get('t0')?.verdict, 'healthy')
    assert.ok((c.health.get('t0')?.results.length ?? 0) >= 2)
    assert.equal(c.health.get('t1')?.verdict, 'unhealthy')
    const before = changes.length
    server.close()
    await clock.advance(10_000)
    assert.equal(c.health.size, 0)
    assert.deepEqual(
      changes
        .slice(before)
        .filter(([key, verdict]) => key === 't0' && verdict !== 'healthy')
        .map(([, verdict]) => verdict),
      ['gone'],
    )
  })

  it('delivers mere results together within a second, and gives the same object while nothing changed', async t => {
    const { port } = await target(t)
    const { clock, checker: c, changes } = checker(t)
    c.update(probes({ port }))
    await clock.advance(200)
    changes.length = 0
    assert.equal(c.health, c.health)
    await clock.advance(7_000)
    assert.equal(changes.length, 1)
  })

  it('makes a target suspect at once, checks it now and every second, and so judges it in about one', async t => {
    const { server, port } = await target(t)
    const { clock, checker: c, changes } = checker(t)
    c.update(probes({ port, intervalMs: 30_000, timeoutMs: 10_000 }))
    await clock.advance(200)
    server.close()
    await once(server, 'close')
    changes.length = 0
    const at = clock.now()
    c.suspect('t0', 'connection refused')
    c.suspect('t0', 'connection refused')
    c.suspect('nobody', 'connection refused')
    assert.deepEqual(c.health.get('t0')?.suspect, { since: at, until: at + 1_000, reason: 'connection refused' })
    await clock.advance(900)
    assert.equal(c.health.get('t0')?.against, 1)
    assert.ok((c.health.get('t0')?.suspect?.until ?? 0) > at + 1_100)
    await clock.advance(300)
    assert.equal(c.health.get('t0')?.verdict, 'unhealthy')
    assert.ok((changes.at(-1)?.[2] ?? Number.POSITIVE_INFINITY) - at <= 1_150)
  })

  it('does not blame a target for its own event loop standing still for 10 s in every turn', async t => {
    const { port } = await target(t, '127.0.0.1', socket => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
    })
    const clock = stallingClock()
    const { checker: c } = checker(t, { clock })
    c.update(probes({ port }, { port, protocol: 'HTTP' }))
    for (let i = 0; i < 60; i++) {
      clock.stall(10_000)
      await turn()
    }
    for (const health of c.health.values()) {
      assert.equal(health.verdict, 'healthy')
      assert.ok(health.results.every(result => result.ok))
    }
  })

  it('hears an answer that is there when the time-out strikes', async t => {
    const { port } = await target(t)
    const clock = stallingClock()
    const { checker: c } = checker(t, { clock })
    c.update(probes({ port, timeoutMs: tickMs, unhealthyThreshold: 1 }))
    c.suspect('t0', 'connection refused')
    clock.stall(10_000)
    for (let i = 0; i < 5; i++) await turn()
    assert.equal(c.health.get('t0')?.verdict, 'healthy')
  })

  it('spreads checks evenly, from the first second on, and checks no target too often', async t => {
    const arrivals: { at: number; target: string }[] = []
    const { clock, checker: c } = checker(t)
    const start = clock.monotonic()
    const { port } = await target(t, '0.0.0.0', socket => {
      arrivals.push({ at: clock.monotonic() - start, target: socket.localAddress ?? '' })
      socket.resume()
    })
    c.update(probes(...Array.from({ length: 500 }, (_, i) => ({ port, address: `127.70.${i >> 8}.${i & 255}` }))))
    const intervals = 8
    await slowly(clock, intervals * base.intervalMs, () => arrivals.length)

    const windows = new Array<number>((intervals * base.intervalMs) / 100).fill(0)
    const perTarget = new Map<string, number[]>()
    for (const { at, target } of arrivals) {
      windows[Math.min(windows.length - 1, Math.floor(at / 100))]! += 1
      perTarget.set(target, [...(perTarget.get(target) ?? []), at])
    }
    const mean = 500 / (base.intervalMs / 100)
    t.diagnostic(`busiest 100 ms: ${Math.max(...windows)}, mean ${mean}`)
    assert.ok(Math.max(...windows) <= 3 * mean)
    assert.equal(perTarget.size, 500)
    for (const times of perTarget.values()) {
      const mean = (times.at(-1)! - times[0]!) / (times.length - 1)
      assert.ok(base.intervalMs / mean <= 1.1, `checked every ${mean} ms`)
      assert.ok(times[0]! <= base.intervalMs + 4 * tickMs, `first checked after ${times[0]} ms`)
    }
  })

  it('does not change its mind about a target that fails every other check', async t => {
    let calls = 0
    const { port } = await target(t, '127.0.0.1', socket => {
      socket.end(calls++ % 2 === 0 ? 'HTTP/1.1 200 OK\r\n\r\n' : 'HTTP/1.1 503 Busy\r\n\r\n')
    })
    const { clock, checker: c, changes } = checker(t)
    c.update(probes({ port, protocol: 'HTTP' }))
    await clock.advance(300_000)
    assert.ok(calls >= 58)
    const verdicts = changes.map(([, verdict]) => verdict)
    const turns = verdicts.filter((verdict, i) => verdict !== verdicts[i - 1])
    assert.deepEqual(turns, ['initial', 'healthy'])
  })
})

/** Lets virtual time wait for what is under way, or checks would seem to arrive late. */
async function slowly(clock: VirtualClock, ms: number, arrived: () => number): Promise<void> {
  for (let at = 0; at < ms; at += tickMs) {
    await clock.advance(tickMs)
    for (let seen = -1; seen < arrived(); ) {
      seen = arrived()
      for (let turns = 0; turns < 3; turns++) await turn()
    }
  }
}

/** A clock whose time only moves in standstills of the event loop, after each of which every periodic task runs once. */
function stallingClock(): Clock & { stall(ms: number): void } {
  let now = 0
  const tasks = new Set<() => void>()
  return {
    now: () => now,
    monotonic: () => now,
    after: () => () => {},
    every(_, task) {
      tasks.add(task)
      return () => tasks.delete(task)
    },
    stall(ms) {
      now += ms
      for (const task of tasks) task()
    },
  }
}
