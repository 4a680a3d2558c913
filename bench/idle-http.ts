/**
 * Memory of clients that take their time, Sluice beside HAProxy (R24): 4,000 connections each that idle, that send a head or a body
 * slowly, and that don't read; and what a good client meets meanwhile (goals: 99.95 % of its requests answered, p99 at most
 * twice that without them, memory of a connection at most twice HAProxy's).
 *
 *     npm run bench -- idle-http [seconds of each] [connections]      120 for the long form, default 8 and 4000
 */
import { once } from 'node:events'
import { Asked } from './stage/asked.ts'
import { residentBytes, tree } from './stage/processes.ts'
import { answering, haproxyPort, httpPort, openWebStage, startHaproxy, startProgram } from './stage/web.ts'

const seconds = Number(process.argv[2] ?? 8)
const count = Number(process.argv[3] ?? 4_000)

const stage = await openWebStage({ targetCount: 1 })
const haproxy = startHaproxy(stage.balancer, stage.targets[0]!.address, stage.directory)
await answering(stage, `http://10.9.0.1:${haproxyPort}/`)
const contestants = [
  { name: 'Sluice', port: httpPort, pids: stage.pids },
  { name: 'HAProxy', port: haproxyPort, pids: () => tree(haproxy.pid ?? 0) },
]
const good = (port: number) =>
  Asked.by(startProgram(stage.client, 'stage/requests.ts', '10.9.0.1', port, seconds, 50, 50))

const row = (...cells: readonly string[]) => console.log(cells.map(cell => cell.padEnd(16)).join(''))
row('', 'clients', 'bytes each', 'good: failed', 'p99 ms', 'p99 without')
for (const { name, port, pids } of contestants) {
  await good(port)
  const quiet = await good(port)
  // What one kind has left behind is reused by the next, so all are measured from here.
  const before = residentBytes(pids())
  for (const kind of ['idle', 'head', 'body', 'read']) {
    const clients = startProgram(stage.client, 'stage/slow-clients.ts', '10.9.0.1', port, count, kind)
    await once(clients.stdout!, 'data')
    const asked = await good(port)
    const bytes = (residentBytes(pids()) - before) / count
    clients.kill('SIGKILL')
    await once(clients, 'exit')
    const p99 = [asked, quiet].map(its => `${its.quantile(0.99)}`)
    row(name, kind, bytes.toFixed(0), `${asked.failed} of ${asked.total}`, ...p99)
  }
}
process.exit()
