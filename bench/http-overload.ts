/**
 * HTTP under twice the load that Sluice can take, and false alarms meanwhile (R23, R21): half of the requests on a connection
 * of their own, the others on connections that stay, at a fixed rate whatever comes of them. Programs that do nothing but
 * compute share its core, so that what is left of it is less than the load's core can ask for. First the rate is raised until
 * fewer are answered than asked, which gives the peak; then comes twice the peak, and then a quarter of it.
 *
 *     npm run bench -- http-overload [seconds of overload]      60 for the long form (R23), 600 (R21); default 15
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { Asked } from './stage/asked.ts'
import { residentBytes } from './stage/processes.ts'
import { httpPort, onBalancerCore, openWebStage, startNginx, startProgram } from './stage/web.ts'

const seconds = Number(process.argv[2] ?? 15)
const burnerCount = 7
const [targetCount, checkPort, intervalMs] = [50, 8081, 5_000]
/** An answer that takes longer is none for whoever waits. */
const goodMs = 2_000

const checkedAt = new Map<string, number[]>()
const stage = await openWebStage({
  targetCount: 1,
  startTarget(target, directory) {
    for (let n = 1; n <= targetCount; n++) target.run('ip', 'address', 'add', `10.9.1.${100 + n}/24`, 'dev', deviceOf())
    startNginx(target, directory)
    const checked = startProgram(target, 'stage/checked-target.ts', checkPort)
    spawn('renice', ['-n', '-15', '-p', String(checked.pid)], { stdio: 'ignore' })
    createInterface(checked.stdout!).on('line', line => {
      const [address = '', at] = line.split(' ')
      checkedAt.getOrInsertComputed(address, () => []).push(Number(at))
    })
    function deviceOf(): string {
      return /dev (\S+)/.exec(target.run('ip', 'route', 'show', 'default'))?.[1] ?? ''
    }
  },
  addresses: () => Array.from({ length: targetCount }, (_, n) => `10.9.1.${101 + n}`),
  group: {
    HealthCheckPort: String(checkPort),
    HealthCheckIntervalSeconds: intervalMs / 1_000,
    HealthCheckTimeoutSeconds: 2,
  },
})
const load = (rate: number, seconds: number) =>
  Asked.by(startProgram(stage.client, 'stage/requests.ts', '10.9.0.1', httpPort, seconds, rate / 2, rate / 2))
const good = (asked: Asked) => asked.within(goodMs) / asked.seconds.length

// What compiles at run time has compiled then.
await load(1_000, 5)
const burners = Array.from({ length: burnerCount }, burn)
process.on('exit', () => {
  for (const burner of burners) burner.kill('SIGKILL')
})
const quietMiB = memoryMiB()
const peak = await findPeak()
const [api, memory] = [watchApi(), watchMemory()]
const overloadedAt = performance.timeOrigin + performance.now()
const over = await load(2 * peak, seconds)
const calls = api.end()
const after = await load(peak / 4, 8)
const maxMiB = memory.end()
const settled = new Asked(after.seconds.slice(2))

console.log(
  `peak ${peak.toFixed(0)}/s with ${burnerCount} programs beside it; ${(2 * peak).toFixed(0)}/s for ${seconds} s:`,
)
console.log(
  `  answered within ${goodMs / 1_000} s: ${good(over).toFixed(0)}/s, ${((100 * good(over)) / peak).toFixed(0)} % of the peak (goal: 90 %); p50 ${over.quantile(0.5)} ms, p99 ${over.quantile(0.99)} ms`,
)
console.log(
  `  not answered: ${over.failed} of ${over.total}: ${over.failures}; slowest ${over.slowestFailure} ms (goal: refused, not hung); sent late by at most ${over.sentLate.toFixed(0)} ms`,
)
console.log(`  memory of all processes ${quietMiB} -> at most ${maxMiB} MiB`)
console.log(`  API: ${calls} (goal: p99 1 s)`)
console.log(
  `from 2 s after on: ${settled.failed} of ${settled.total} failed ${settled.failures}, p99 ${settled.quantile(0.99)} ms (goal: 0)`,
)
const falseAlarms = stage.lines.filter(line => line.includes('is now unhealthy'))
const lateness = [...checkedAt.values()].flatMap(times =>
  times
    .slice(1)
    .map((at, n) => ({ at, late: at - times[n]! - intervalMs }))
    .filter(({ at }) => at > overloadedAt && at < overloadedAt + seconds * 1_000)
    .map(({ late }) => late),
)
lateness.sort((a, b) => a - b)
const late = lateness[Math.ceil(0.99 * lateness.length) - 1] ?? Number.NaN
console.log(`${falseAlarms.length} targets falsely unhealthy (goal: 0) ${falseAlarms[0] ?? ''}`)
console.log(
  `${lateness.length} checks, lateness p99 ${late.toFixed(0)} ms, ${((100 * late) / intervalMs).toFixed(1)} % of the interval (goal: 10 %)`,
)
process.exit()

/** The most that is answered in time in a second, at any rate. */
async function findPeak(): Promise<number> {
  let [peak, misses] = [0, 0]
  for (let rate = 400; misses < 2; rate *= 1.4) {
    const asked = await load(rate, 5)
    const answered = good(asked)
    peak = Math.max(peak, answered)
    if (answered < 0.9 * rate) misses++
    const p99 = asked.quantile(0.99)
    process.stderr.write(
      `${rate.toFixed(0)}/s asked, ${answered.toFixed(0)}/s answered, p99 ${p99} ms, sent late by ${asked.sentLate.toFixed(0)} ms\n`,
    )
  }
  return peak
}

function burn(): ChildProcess {
  const [taskset, ...args] = onBalancerCore
  return spawn(taskset, [...args, 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })
}

/** Reads and changes by turns, without pause but a short one, and how long they take. */
function watchApi(): { end(): string } {
  const times: number[] = []
  let [failed, isOver] = [0, false]
  const { elbv2 } = stage.api
  const { targetGroup: TargetGroupArn, loadBalancer } = stage.arns
  const watch = async () => {
    for (let n = 0; !isOver; n++) {
      const began = performance.now()
      const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: String(100 + (n % 100)) }]
      const calls = [
        () => elbv2.describeTargetHealth({ TargetGroupArn }),
        () => elbv2.describeListeners({ LoadBalancerArn: loadBalancer }),
        () => elbv2.modifyTargetGroupAttributes({ TargetGroupArn, Attributes }),
      ]
      await calls[n % calls.length]!().catch(() => failed++)
      times.push(performance.now() - began)
      await pause(200)
    }
  }
  void watch()
  return {
    end() {
      isOver = true
      times.sort((a, b) => a - b)
      const at = (share: number) => times[Math.ceil(share * times.length) - 1]?.toFixed(0)
      return `${times.length} calls, ${failed} failed, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`
    },
  }
}

function memoryMiB(): number {
  return Math.round(residentBytes(stage.pids()) / 2 ** 20)
}

function watchMemory(): { end(): number } {
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, memoryMiB())
  }, 500)
  return {
    end() {
      clearInterval(timer)
      return most
    },
  }
}
