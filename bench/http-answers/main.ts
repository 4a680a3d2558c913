/**
 * Whether anyone ever gets another's answer (A4): requests with a token each, by GET and in bodies, one by one and pipelined,
 * over connections that are kept on both sides; a tenth is given up by its client somewhere in the middle, of one in twenty the
 * target's answer dies, and of one in a hundred the target says more than it was asked. Every byte of every answer is
 * compared (goal: 0 answers with another's token).
 *
 *     npm run bench -- http-answers [requests] [seed]      1000000 for the long form, default 50000
 */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { httpPort, openWebStage, startProgram } from '../stage/web.ts'
import type { Outcome } from './client.ts'

const requests = Number(process.argv[2] ?? 50_000)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)

const stage = await openWebStage({
  targetCount: 2,
  startTarget: target => void startProgram(target, 'http-answers/target.ts', seed),
})
const began = performance.now()
const client = startProgram(stage.client, 'http-answers/client.ts', '10.9.0.1', httpPort, requests, seed)
const [output] = await Promise.all([text(client.stdout!), once(client, 'exit')])
const { whole, cut, refused, aborted, wrong, examples } = JSON.parse(output) as Outcome
const total = whole + cut + aborted + Object.values(refused).reduce((sum, count) => sum + count, 0) + wrong
console.log(`seed ${seed}: ${total} requests in ${((performance.now() - began) / 1_000).toFixed(0)} s`)
const statuses = Object.entries(refused).map(([status, count]) => `${count} got ${status}`)
console.log(`${whole} whole, ${aborted} given up by the client, ${cut} cut, ${statuses.join(', ')}`)
console.log(`${wrong} with another's token, or bytes that are nobody's (goal: 0)`)
for (const example of examples) console.log(`  ${example}`)
process.exit(wrong === 0 ? 0 : 1)
