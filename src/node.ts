/** The node process: probes, snapshots, the engine. It serves and heals without the control process. */
import type { Options } from './cli/options.ts'
import { supervised } from './cli/supervise.ts'
import { systemClock as clock } from './clock.ts'
import { snapshotBuilder } from './domain/build-snapshot.ts'
import { probesBuilder } from './domain/probes.ts'
import type { State } from './domain/state.ts'
import { openUserspaceEngine } from './engine/userspace/engine.ts'
import { openNodeEnd } from './feed/node-end.ts'
import { feedPath } from './feed/path.ts'
import { Checker } from './health/checker.ts'
import { log } from './log.ts'
import { OperatorLog } from './operator-log.ts'
import { LastGood } from './reconcile/last-good.ts'
import { Reconciler } from './reconcile/reconciler.ts'

/** What the node process tells its parent once its engine has the first snapshot in place. */
export interface NodeReady {
  readonly kind: 'ready'
}

const options: Options = JSON.parse(process.argv[2] ?? '{}')

const lastGood = new LastGood({ directory: options.dataDir, clock, log: line => log('node', line) })
const restored = lastGood.load()
const operatorLog = new OperatorLog({ initial: restored.health, log: line => log('node', line) })

const engine = await openUserspaceEngine({
  workers: options.workers,
  clock,
  udpFlowLimit: options.udpFlows,
  onSuspicion: suspicion => checker.suspect(suspicion.target, suspicion.reason),
  log: line => log('engine', line),
})

const checker = new Checker({
  clock,
  initial: restored.health,
  log: line => log('health', line),
  onChange(changed) {
    operatorLog.health(changed)
    reconciler.health(checker.health)
    lastGood.health(checker.health)
    feed.report({ kind: 'health', whole: false, health: [...changed].map(([key, health]) => [key, health ?? null]) })
  },
})

const reconciler = new Reconciler({
  engine,
  clock,
  build: snapshotBuilder(),
  onApplied(applied) {
    operatorLog.problems(applied.problems)
    feed.report(applied)
    process.send?.({ kind: 'ready' } satisfies NodeReady)
  },
  log: line => log('node', line),
})

// What was served before goes on being served, before the control process speaks and before the first probe.
reconciler.health(restored.health)
const probesOf = probesBuilder()
const serve = (state: State) => {
  checker.update(probesOf(state))
  reconciler.desired(state)
}
serve(restored.state)

const feed = openNodeEnd({
  path: feedPath(options.dataDir),
  clock,
  initial: restored.state,
  log: line => log('node', line),
  onDesired(state) {
    lastGood.state(state)
    serve(state)
  },
})

feed.report({ kind: 'health', whole: true, health: [...restored.health] })

clock.every(1_000, () => {
  engine.observe().then(
    ({ listeners, targets }) => {
      operatorLog.counters(listeners, clock.monotonic())
      feed.report({ kind: 'counters', listeners, targets })
    },
    error => log('node', `counters: ${error}`),
  )
})

supervised(async () => {
  feed.close()
  checker.close()
  await reconciler.stop()
  await lastGood.close()
  await engine.close(options.drainSeconds * 1_000)
})
