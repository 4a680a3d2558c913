/**
 * AWS's 158 verdicts on requests that two servers could read differently, said to a listener in each mode, and what it does about
 * them (AWS: Desync mitigation modes): reliability row A1.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { Network } from './network.ts'
import { type Conversation, converse } from './raw-http.ts'
import { startSluice, until } from './sluice.ts'

const folder = join(import.meta.dirname, '../../src/http/desync')

interface Case {
  readonly name: string
  readonly method: string
  readonly uri: string
  readonly version: string
  readonly headers: readonly { readonly name: string; readonly value: string | number }[] | null
  readonly expected: { readonly tier: 'Compliant' | 'Acceptable' | 'Ambiguous' | 'Severe'; readonly reason: string }
}

const cases = globSync('*.yaml', { cwd: folder })
  .sort()
  .flatMap(file => parse(readFileSync(join(folder, file), 'utf8')) as readonly Case[])

/** The case as bytes, latin1: with a Host, and its number, which no verdict depends on. */
function headOf({ method, uri, version, headers }: Case, number: number): string {
  const lines = (headers ?? []).map(({ name, value }) => `${name}: ${value}\r\n`)
  const hasHost = (headers ?? []).some(({ name }) => name.toLowerCase() === 'host')
  const host = hasHost ? '' : 'Host: example.com\r\n'
  const head = `${method} ${uri} ${version}\r\n${lines.join('')}${host}X-Number: ${number}\r\n\r\n`
  return Buffer.from(head, 'utf8').toString('latin1')
}

/** What a case came to at the target: absent if nothing did. */
interface Arrival {
  /** As it was sent on, latin1. */
  head: string
  isClosed: boolean
}

/** A target that answers a head as soon as it is there, whatever follows, and keeps its connections. */
async function startTarget(t: TestContext, address: string) {
  /** By the case's number. */
  const arrivals = new Map<number, Arrival>()
  const server = createServer((socket: Socket) => {
    let text = ''
    let arrival: Arrival | undefined
    socket.setEncoding('latin1').on('data', said => {
      text += said
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 4)
        text = text.slice(end + 4)
        const number = /^x-number: (\d+)/im.exec(head)?.[1]
        // What is left of a body is no head.
        if (number === undefined && !head.includes(' HTTP/1.1\r\n')) continue
        if (number !== undefined) {
          arrival = { head, isClosed: false }
          arrivals.set(Number(number), arrival)
        }
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${head.startsWith('HEAD ') ? '' : 'ok'}`)
      }
    })
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
    socket.on('close', () => {
      if (arrival !== undefined) arrival.isClosed = true
    })
  })
  server.listen(0, address)
  await once(server, 'listening')
  t.after(() => server.close())
  return { address, port: (server.address() as { port: number }).port, arrivals }
}

const modes = ['monitor', 'defensive', 'strictest'] as const

test('A1: AWS’s 158 cases, on the wire in each mode: let through, refused, or closed after', async t => {
  const port = 28_741
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const target = await startTarget(t, '127.74.200.1')
  const group = await network.targetGroup('HTTP', [target])
  const LoadBalancerArn = await network.applicationLoadBalancer({
    'access_logs.s3.enabled': 'true',
    'access_logs.s3.bucket': 'logs',
  })
  await network.listener(LoadBalancerArn, 'HTTP', port, { [group]: 1 })
  await network.allHealthy(group)
  await until('the listener serves', async () => (await fetch(`http://127.0.0.1:${port}/`)).ok)
  assert.ok(cases.length >= 158)
  const told: { since: number; until: number; ports: readonly number[] }[] = []
  for (const mode of modes) {
    const Attributes = [{ Key: 'routing.http.desync_mitigation_mode', Value: mode }]
    await network.elbv2.modifyLoadBalancerAttributes({ LoadBalancerArn, Attributes })
    await network.inPlace()
    target.arrivals.clear()
    const since = Date.now()
    const conversations = cases.map((given, number) => converse(t, port, headOf(given, number)))
    await until('every case is answered', () => conversations.every(({ status }) => status > 0))
    const outcomeOf = (number: number) => outcome(conversations[number]!, target.arrivals.get(number))
    const wrong = () =>
      cases.flatMap((given, number) => {
        const [is, wanted] = [outcomeOf(number), wantedOf(given, mode)]
        return wanted.test(is) ? [] : [`${given.name}: ${is}, not ${wanted}: ${JSON.stringify(headOf(given, number))}`]
      })
    // What does not come is told by name below.
    await until('all is as it has to be', () => wrong().length === 0, 2_000).catch(() => {})
    assert.deepEqual(wrong(), [], mode)
    const counts = new Map<string, number>()
    for (const [number, { expected }] of cases.entries()) {
      const key = `${expected.tier}: ${outcomeOf(number)}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    const ports = conversations.map(({ localPort }) => localPort)
    for (const { socket } of conversations) socket.destroy()
    await pause(100)
    told.push({ since, until: Date.now(), ports })
    for (const { head } of target.arrivals.values()) assert.equal(ambiguityOf(head), '', head)
    t.diagnostic(
      `${mode}: ${[...counts]
        .sort()
        .map(([key, count]) => `${count} x ${key}`)
        .join('; ')}`,
    )
  }
  // Each worker delivers its logs when it ends, and that may be after all others have.
  assert.equal(await sluice.stop(), 0)
  const open = () => globSync('open-logs/**/*.gz', { cwd: sluice.dataDir })
  await until('all logs are delivered', () => open().length === 0)
  const lines = logLines(sluice.dataDir)
  for (const [i, { since, until, ports }] of told.entries()) {
    const verdicts = new Map(
      lines.filter(({ at }) => at >= since && at <= until).map(({ port, verdict }) => [port, verdict]),
    )
    const wrong = cases.flatMap(({ name, expected: { tier, reason } }, number) => {
      const wanted = tier === 'Compliant' ? '- -' : `${tier} ${reason}`
      const verdict = verdicts.get(ports[number]!)
      return verdict === wanted ? [] : [`${name}: ${verdict}, not ${wanted}`]
    })
    assert.deepEqual(wrong, [], `${modes[i]}: class and reason in the access log`)
  }
})

/** Of each entry of the access log: when, the client's port, and class and reason of the verdict. */
function logLines(dataDir: string) {
  const folder = join(dataDir, 'buckets')
  return globSync('**/*.log.gz', { cwd: folder })
    .flatMap(file =>
      gunzipSync(readFileSync(join(folder, file)))
        .toString('latin1')
        .trim()
        .split('\n'),
    )
    .map(line => {
      const [, time = '', , client = ''] = line.split(' ')
      // The three behind the connection's trace id are those of transforms.
      const [, tier, reason] = /"([^"]*)" "([^"]*)" \S+ "-" "-" "-"$/.exec(line) ?? []
      return { at: Date.parse(time), port: Number(client.split(':')[1]), verdict: `${tier} ${reason}` }
    })
}

function outcome({ status, endedAt }: Conversation, arrival: Arrival | undefined): string {
  const client = endedAt > 0 ? 'closed' : 'open'
  return arrival === undefined
    ? `${status} ${client}`
    : `${status} ${client}, target ${arrival.isClosed ? 'closed' : 'open'}`
}

function wantedOf(given: Case, mode: (typeof modes)[number]): RegExp {
  const { tier } = given.expected
  const isBlocked = (mode === 'strictest' && tier !== 'Compliant') || (mode === 'defensive' && tier === 'Severe')
  // HTTP/0.9 has no place between an ALB and its targets.
  if (isBlocked || given.version === '' || given.version === 'HTTP/0.9') return /^400 closed$/
  if (mode === 'monitor' && tier === 'Severe') return /^(400 closed|200 .*target .*)$/
  // AWS: HTTP 501, whatever the mode.
  if (hasOtherCoding(given)) return /^501 closed$/
  return mode === 'defensive' && tier === 'Ambiguous' ? /^200 closed, target closed$/ : /^200 .*target/
}

/** Whether its body is said to be coded otherwise than in plain chunks. */
function hasOtherCoding({ headers }: Case): boolean {
  const codings = (headers ?? [])
    .filter(({ name }) => name.toLowerCase() === 'transfer-encoding')
    .flatMap(({ value }) => String(value).split(','))
  return codings.some(coding => !/^\s*(chunked|identity)\s*$/i.test(coding))
}

/** Why two servers could read a head that was sent on differently; empty: they can't. */
function ambiguityOf(head: string): string {
  const lines = head.split('\r\n').slice(0, -2)
  const framing = lines.filter(line => /content.?length|transfer.?encoding/i.test(line.split(':')[0]!))
  if (framing.length > 1) return `framed by ${framing.length} lines`
  if (framing.some(line => !/^(content-length:[ \t]*\d+|transfer-encoding:[ \t]*chunked)[ \t]*$/i.test(line)))
    return `framed by ${framing}`
  if (lines.filter(line => /^host:/i.test(line)).length !== 1) return 'not one Host'
  const odd = lines.find((line, i) => /[\r\n\0]/.test(line) || (i > 0 && !/^[^\s:]+:/.test(line)))
  return odd === undefined ? '' : JSON.stringify(odd)
}
