/** The node process: probes, snapshots, the engine. It serves and heals without the control process. */
import type { Options } from './cli/options.ts'
import { supervised } from './cli/supervise.ts'
import { systemClock as clock } from './clock.ts'
import { snapshotBuilder } from './domain/build-snapshot.ts'
import { probesBuilder } from './domain/probes.ts'
import { emptyState, type State } from './domain/state.ts'
import { openBestEngine } from './engine/best-engine.ts'
import type { KernelEngine, Observed } from './engine/engine.ts'
import { kernelObstacle, openNftablesEngine } from './engine/nftables/engine.ts'
import { tableOf } from './engine/nftables/names.ts'
import { Sysctl } from './engine/nftables/sysctl.ts'
import { removeRemains } from './engine/nftables/table/remains.ts'
import { neighborsOf } from './engine/nftables/table/sluice-tables.ts'
import { openPorts } from './engine/ports.ts'
import { openUserspaceEngine } from './engine/userspace/engine.ts'
import { openNodeEnd } from './feed/node-end.ts'
import { feedPath } from './feed/path.ts'
import { Checker } from './health/checker.ts'
import { log } from './log.ts'
import { OperatorLog } from './operator-log.ts'
import { consensusProbes } from './reconcile/consensus-probes.ts'
import { LastGood } from './reconcile/last-good.ts'
import { Reconciler } from './reconcile/reconciler.ts'

/** What the node process tells its parent once its engine has the first snapshot in place. */
export interface NodeReady {
  readonly kind: 'ready'
  /** Whether the kernel serves what it can. */
  readonly usesKernel: boolean
}

const options: Options = JSON.parse(process.argv[2] ?? '{}')

const lastGood = new LastGood({ directory: options.dataDir, clock, log: line => log('node', line) })
const restored = lastGood.load()
const operatorLog = new OperatorLog({ initial: restored.health, log: line => log('node', line) })

const table = tableOf(options.dataDir)
const neighbors = () => neighborsOf(table)
const sysctl = new Sysctl({
  directory: options.dataDir,
  maySet: options.sysctl,
  neighbors,
  log: line => log('engine', line),
})
// What a process before this one set, and nobody lets this one set.
if (!options.sysctl) await sysctl.restore()

/** The control process has said what is wanted since this process began; and what the snapshot of now is made of knows it. */
let hasSpoken = false
let isComplete = false

const kernel = await openKernelEngine()
const engine = openBestEngine({
  kernel,
  userspace: await openUserspaceEngine({
    workers: options.workers,
    clock,
    udpFlowLimit: options.udpFlows,
    directory: options.dataDir,
    onSuspicion: suspicion => checker.suspect(suspicion.target, suspicion.reason),
    log: line => log('engine', line),
  }),
  ports: openPorts(),
  neighbors,
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

async function openKernelEngine(): Promise<KernelEngine | string> {
  if (!options.kernel) {
    await takeOutOfKernel()
    return 'the kernel engine is switched off (--no-kernel)'
  }
  try {
    return await openNftablesEngine({
      table,
      clock,
      sysctl,
      isComplete: () => isComplete,
      onSuspicion: suspicion => checker.suspect(suspicion.target, suspicion.reason),
      onProblems: () => reconciler.again(),
      log: line => log('engine', line),
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') {
      // Another node on this data directory. In userspace this one would serve nothing: the other one's rules come first.
      log('engine', `${(error as Error).message}: end it`)
      process.exit(1)
    }
    const obstacle = kernelObstacle(error)
    log('engine', `${obstacle}, so everything is served in userspace: targets don't see the client's address`)
    return obstacle
  }
}

/** What a process before this one left there would go on taking what userspace is to serve. */
async function takeOutOfKernel(): Promise<void> {
  try {
    const listeners = await removeRemains(table.name)
    if (listeners !== undefined) log('engine', `kernel: removed the table ${table.name} (listeners: ${listeners})`)
  } catch {
    // Where this process may not look, or can't, no other one is likely to have been able to.
  }
}

const build = snapshotBuilder()
let hasFallbacks = false
const reconciler = new Reconciler({
  engine,
  clock,
  timing: options.timing,
  build(...known) {
    isComplete = hasSpoken
    return build(...known)
  },
  onApplied(applied) {
    hasFallbacks = applied.fallbacks.length > 0
    operatorLog.problems(applied.problems)
    feed.report(applied)
    process.send?.({ kind: 'ready', usesKernel: typeof kernel !== 'string' } satisfies NodeReady)
  },
  log: line => log('node', line),
})

// What was served before goes on being served, before the control process speaks and before the first probe.
reconciler.health(restored.health)
const probesOf = probesBuilder()
const serve = (state: State) => {
  checker.update(consensusProbes(probesOf(state), state, options.timing))
  // What was registered again must not serve by what its earlier registration was.
  reconciler.health(checker.health)
  reconciler.desired(state)
}
// Without a last good state nothing is known to be over either, and the kernel may serve: then the control process is waited for.
if (restored.state !== emptyState) serve(restored.state)

const feed = openNodeEnd({
  path: feedPath(options.dataDir),
  clock,
  initial: restored.state,
  log: line => log('node', line),
  onDesired(state) {
    const isFirst = !hasSpoken
    hasSpoken = true
    lastGood.state(state)
    serve(state)
    // It may be what was restored. What is not in it is gone all the same, which until now nobody knew.
    if (isFirst) reconciler.again()
  },
  onCount: () => observe(({ revision: _, ...counters }) => feed.report({ kind: 'counters', ...counters })),
})

feed.report({ kind: 'health', whole: true, health: [...restored.health] })

// Not more often: with thousands of targets changes would notice.
clock.every(10_000, () => observe(({ listeners }) => operatorLog.counters(listeners, clock.monotonic())))

function observe(use: (observed: Observed) => void): void {
  engine.observe().then(use, error => log('node', `counters: ${error}`))
}

// What keeps a listener out of the kernel may be gone: an address or a setting of this host.
clock.every(5_000, () => {
  if (hasFallbacks) reconciler.again()
})

supervised(async how => {
  feed.close()
  checker.close()
  await reconciler.stop()
  await lastGood.close()
  if (how === 'leave') await engine.leave()
  else await engine.close(options.drainSeconds * 1_000)
})
