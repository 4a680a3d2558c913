import type { ApiOptions } from './api/server.ts'
import type { RootCertificate } from './cli/ca.ts'
import type { Options } from './cli/options.ts'
import type { TaskOutput } from './cli/task.ts'
import type { Clock } from './clock.ts'
import { type Design, designOf } from './design.ts'
import { parseFlow } from './domain/explain.ts'
import { targetHostAddresses, targetHosts } from './domain/target-hosts.ts'
import { explainFlow } from './explanation.ts'
import { facing } from './facing.ts'
import type { ControlEnd } from './feed/control-end.ts'
import { addressesOnCards } from './host-addresses.ts'
import { expositionType } from './metrics/exposition.ts'
import { metricsPage } from './metrics/page.ts'
import { Totals } from './metrics/totals.ts'
import { nodeViewer } from './node-view.ts'
import { type Status, statusOf } from './status.ts'
import { commit } from './store/commit.ts'
import type { Store } from './store/store.ts'
import type { Scheduler } from './tasks/scheduler.ts'
import { version } from './version.ts'

/** Of a task's output the newest. */
const shownLogBytes = 1_048_576

/** The node has this long to say what it has counted: Prometheus must not wait for it, and gets what it said last. */
const longestCountMs = 500

/** What Prometheus asks. */
export function pages(store: Store, clock: Clock, feed: ControlEnd): NonNullable<ApiOptions['pages']> {
  const totals = new Totals()
  return {
    'GET /metrics': async () => {
      await Promise.race([feed.count(), new Promise<void>(resolve => clock.after(longestCountMs, resolve))])
      const state = store.read()
      const { listeners = [], targets = [], guards = [], flowTable } = feed.counters() ?? {}
      const applied = feed.applied()
      const body = metricsPage(
        state,
        {
          version,
          nodeConnected: feed.nodeConnected,
          applied: applied && { revision: applied.revision, problems: applied.problems.length },
          listeners: totals.listeners(listeners, state),
          groups: totals.groups(targets, state),
          guards,
          flowTable,
          health: key => feed.health(key),
        },
        clock.now(),
      )
      return { contentType: expositionType, body }
    },
  }
}

/** What `sluice doctor`, `explain`, `check`, `rehearse`, `target`, `sg`, `task` and `ca` ask. */
export function inquiries(
  store: Store,
  clock: Clock,
  feed: ControlEnd,
  scheduler: Pick<Scheduler, 'logs'>,
  { account, region, dnsPort, timing }: Pick<Options, 'account' | 'region' | 'dnsPort' | 'timing'>,
): NonNullable<ApiOptions['routes']> {
  const view = nodeViewer(feed)
  return {
    'GET /_sluice/status': async () => {
      await feed.count()
      const body: Status = { ...statusOf(store.read(), feed, clock.now(), addressesOnCards()), dnsPort, timing }
      return { status: 200, body }
    },
    'GET /_sluice/explain': query => {
      const [protocol = '', from = '', to = ''] = ['protocol', 'from', 'to'].map(name => query.get(name) ?? '')
      const flow = parseFlow(protocol, from, to)
      if (flow === undefined) return { status: 400, body: { message: `no flow: ${protocol} ${from} ${to}` } }
      const now = clock.now()
      return { status: 200, body: explainFlow(view(store.read(), now), feed, flow, now, addressesOnCards()) }
    },
    'GET /_sluice/design': () => ({ status: 200, body: designOf(store.read()) satisfies Design }),
    'GET /_sluice/task-logs': async query => {
      const id = query.get('task') ?? ''
      const output = await scheduler.logs(id, shownLogBytes)
      if (output === undefined) return { status: 404, body: { message: `There is no task '${id}' that has run here.` } }
      return { status: 200, body: { output: output.toString('base64') } satisfies TaskOutput }
    },
    'GET /_sluice/ca': async () => {
      const { localAuthority } = await import('./api/acm/authority.ts')
      const state = await commit(store, state => localAuthority(state, { account, region, now: clock.now() }).changes)
      const certificate = state.certificateAuthorities.get('local')?.certificate ?? ''
      return { status: 200, body: { certificate } satisfies RootCertificate }
    },
    'GET /_sluice/target-hosts': async query => {
      const arn = query.get('target-group') ?? ''
      const now = clock.now()
      const { state, snapshot } = view(store.read(), now)
      const group = state.targetGroups.get(arn)
      if (group === undefined) return { status: 404, body: { message: `There is no target group '${arn}'.` } }
      const faces = await facing(targetHostAddresses(state, group, now))
      return { status: 200, body: targetHosts(state, group, snapshot, faces, now) }
    },
  }
}
