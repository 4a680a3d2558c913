/**
 * Requests while the configuration changes (R1): 1,000 a second, half of them on a connection of their own and a tenth over TLS,
 * while API calls change rules, targets, weights, certificates and attributes, one a second. Prints how many failed (goal: none of them) and
 * their p99 beside that before (goal: at most 1.5 times). With `wrk` instead: as fast as one core asks, until so many
 * requests are answered, a rule or a weight changed every 100 ms.
 *
 *     npm run bench -- http-churn [seconds of change]      200 for the long form, default 30
 *     npm run bench -- http-churn wrk [requests]           1000000 for the long form, default 200000
 */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { Asked } from './stage/asked.ts'
import { httpPort, httpsPort, onLoadCore, openWebStage, startProgram, type WebStage } from './stage/web.ts'
import { WebChanges } from './stage/web-changes.ts'
import { wrkFigures } from './stage/wrk.ts'

const [form, count] = process.argv[2] === 'wrk' ? ['wrk', process.argv[3]] : ['open loop', process.argv[2]]
const stage = await openWebStage({
  targetCount: 3,
  group: { HealthCheckIntervalSeconds: 5, HealthyThresholdCount: 2 },
})
if (form === 'wrk') await byWrk(stage, Number(count ?? 200_000))
else await openLoop(stage, Number(count ?? 30))
process.exit()

async function openLoop(stage: WebStage, seconds: number): Promise<void> {
  const changes = await WebChanges.prepare(stage)
  const load = (seconds: number) =>
    Asked.by(
      startProgram(stage.client, 'stage/requests.ts', '10.9.0.1', httpPort, seconds, 450, 450),
      startProgram(stage.client, 'stage/requests.ts', '10.9.0.1', httpsPort, seconds, 50, 50, 'tls'),
    )
  // Not counted: what compiles at run time has compiled then.
  await load(5)
  const quiet = await load(Math.max(5, Math.round(seconds / 4)))
  const endured = load(seconds)
  for (let n = 0; n < seconds; n++) {
    await changes.any()
    await pause(Math.max(0, 1_000 - changes.lastMs))
  }
  const during = await endured
  console.log(`${seconds} changes in ${seconds} s: ${changes}`)
  for (const [when, asked] of [
    ['before', quiet],
    ['during', during],
  ] as const)
    console.log(
      `${when}: ${asked.failed} of ${asked.total} failed ${asked.failures}; p50 ${asked.quantile(0.5)} ms, p99 ${asked.quantile(0.99)} ms, slowest ${asked.quantile(1)} ms`,
    )
  console.log(`p99 ${(during.quantile(0.99) / quiet.quantile(0.99)).toFixed(2)} x that before`)
  console.log('goals: 0 failed, p99 at most 1.5 x')
}

async function byWrk(stage: WebStage, goal: number): Promise<void> {
  const changes = await WebChanges.prepare(stage)
  let [answered, failed, number, isOver] = [0, 0, 0, false]
  const changing = (async () => {
    for (; !isOver; number++) {
      await changes.ruleOrWeight()
      await pause(Math.max(0, 100 - changes.lastMs))
    }
  })()
  while (answered < goal) {
    const [taskset, ...args] = [...onLoadCore, 'wrk', '-t1', '-c64', '-d10s', '--latency']
    const url = `http://10.9.0.1:${httpPort}/`
    const wrk = stage.client.start(taskset, [...args, url], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [output] = await Promise.all([text(wrk.stdout!), once(wrk, 'exit')])
    const figures = wrkFigures(output)
    answered += figures.total
    failed += figures.failed
  }
  isOver = true
  await changing
  console.log(`${number} changes: ${changes}`)
  console.log(`${failed} of ${answered} requests failed (goal: 0)`)
}
