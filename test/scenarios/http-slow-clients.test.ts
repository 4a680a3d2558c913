/** Clients that are slow on purpose, by slowhttptest, beside one that is not: reliability row R24. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { lacking } from '../lacking.ts'
import { long, slackMs, timeout } from '../long.ts'
import { HttpLoad } from './http-load.ts'
import { httpStage } from './http-stage.ts'
import { has } from './sluice.ts'
import { socketsAt } from './sockets.ts'

const connections = long ? 4_000 : 100
const seconds = long ? 120 : 5
const url = 'http://127.0.0.1:'

/** What each kind of slowness is to slowhttptest: heads and bodies a few bytes a second, answers read five bytes a second. */
const kinds = {
  heads: ['-H', '-i', '1', '-x', '10'],
  bodies: ['-B', '-i', '1', '-x', '10', '-s', '8192'],
  reads: ['-X', '-w', '1', '-y', '64', '-n', '1', '-z', '5', '-k', '2'],
}

test(`R24: beside ${connections} connections that are slow in each way a good client is served as ever`, {
  timeout,
}, async t => {
  if (!has('slowhttptest')) return lacking(t, 'slowhttptest')
  const port = 28_751
  const page = 'x'.repeat(200_000)
  const { sluice } = await httpStage(t, {
    port,
    targets: 2,
    answer: (request, response) => {
      request.resume().on('end', () => {
        response.end(request.url === '/large' ? page : `${request.socket.localAddress} ok`)
      })
    },
  })
  const loads = await Promise.all(
    [false, true].map(isKept => HttpLoad.start({ port, perSecond: long ? 50 : 25, isKept })),
  )
  const workers = sluice.pids('worker')
  const memory = () => workers.reduce((sum, pid) => sum + residentBytes(pid), 0)
  await pause(long ? 20_000 : 1_500)
  const [attackedAt, before] = [performance.now(), memory()]
  let [grown, open] = [0, 0]
  const watch = setInterval(look, long ? 10_000 : 2_500)
  t.after(() => clearInterval(watch))
  function look() {
    grown = Math.max(grown, memory() - before)
    open = Math.max(
      open,
      workers.map(pid => socketsAt('tcp', port, pid)).reduce((sum, count) => sum + count),
    )
  }
  const attack = ([what, args]: [string, readonly string[]]) => slowly(t, port, what, args)
  const attacks: string[] = []
  // One after the other where there is time.
  if (long) for (const kind of Object.entries(kinds)) attacks.push(await attack(kind))
  else attacks.push(...(await Promise.all(Object.entries(kinds).map(attack))))
  clearInterval(watch)
  for (const load of loads) {
    const all = await load.end()
    const [quiet, attacked] = [all.between(0, attackedAt), all.between(attackedAt)]
    t.diagnostic(`quiet: ${quiet}; beside slow ones: ${attacked}`)
    const failed = attacked.asked.filter(({ failure }) => failure !== '').length
    assert.ok(failed <= attacked.asked.length * 0.0005, all.failed)
    const [p99, mayBe] = [attacked.quantile(0.99), 2 * quiet.quantile(0.99) + slackMs]
    assert.ok(p99 <= mayBe, `p99 ${p99.toFixed(0)} ms`)
  }
  const atOnce = long ? connections : 3 * connections
  t.diagnostic(`${attacks.join('; ')}; ${open} at once, ${(grown / 1024 / atOnce).toFixed(0)} KiB more for each`)
  assert.ok(open >= atOnce * 0.8, `only ${open} slow connections at once`)
})

/** Resolves when it has ended by itself, with its last words about its connections. */
async function slowly(t: TestContext, port: number, what: string, args: readonly string[]): Promise<string> {
  const path = args[0] === '-X' ? '/large' : '/'
  const amount = ['-c', connections, '-r', connections, '-l', seconds, '-p', 3].map(String)
  const child = spawn('slowhttptest', [...args, ...amount, '-u', `${url}${port}${path}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => (output += text))
  await once(child, 'close')
  const [, second, status] =
    /ended on (\d+)\S* second\s+Exit status:\s+(.*\S)/.exec(stripVTControlCharacters(output)) ?? []
  // A head has only the idle timeout of 60 s, however busy it is.
  if (long && what === 'heads') assert.equal(status, 'No open connections left', output)
  return `${what}: ${status} after ${second} s`
}

function residentBytes(pid: number): number {
  const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')
  return Number(pages) * 4_096
}
