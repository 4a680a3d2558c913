/** The control process: the API in front of the store, and the feed to the node. It moves no packet. */
import { openAlarms } from './alarms/runner.ts'
import { acm } from './api/acm/service.ts'
import { cloudWatch } from './api/cloudwatch/service.ts'
import { codedeploy } from './api/codedeploy/service.ts'
import { readCredentials } from './api/credentials.ts'
import { ec2 } from './api/ec2/service.ts'
import { ecs } from './api/ecs/service.ts'
import { elbv2 } from './api/elbv2/service.ts'
import { type ApiOptions, openApi } from './api/server.ts'
import { sts } from './api/sts/service.ts'
import type { Options } from './cli/options.ts'
import { REFUSED, type Stop, supervised } from './cli/supervise.ts'
import { systemClock as clock } from './clock.ts'
import { hookCaller } from './deployment/hooks.ts'
import { openDeployments } from './deployment/runner.ts'
import { openDnsResponder } from './dns/responder.ts'
import { dueForRenewal } from './domain/certificate.ts'
import { defaultNetwork } from './domain/default-network.ts'
import { addressesOf } from './domain/dns-answers.ts'
import { dnsZone } from './domain/load-balancer.ts'
import { expiredRegistrations } from './domain/registrations.ts'
import { type Change, tableNames } from './domain/state.ts'
import { openControlEnd } from './feed/control-end.ts'
import { feedPath } from './feed/path.ts'
import { hostAddresses } from './host-addresses.ts'
import { inquiries, pages } from './inquiries.ts'
import { log } from './log.ts'
import { commit } from './store/commit.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { openDockerRuntime } from './tasks/docker/runtime.ts'
import { endProcesses } from './tasks/process/remains.ts'
import { openProcessRuntime } from './tasks/process/runtime.ts'
import type { RuntimeOptions, TaskRuntime } from './tasks/runtime.ts'
import { openScheduler } from './tasks/scheduler.ts'

/** What the control process tells its parent once it serves. */
export interface ControlReady {
  readonly kind: 'ready'
  readonly url: string
  /** True where nothing had ever been asked for in this data directory. */
  readonly fresh: boolean
}

const options: Options = JSON.parse(process.argv[2] ?? '{}')
const twoZones = process.platform === 'linux'
const foundation = () => defaultNetwork(options.account, options.region, twoZones)

async function open() {
  const credentials = options.credentials === undefined ? undefined : readCredentials(options.credentials)
  const store = await openSqliteStore(options.dataDir)
  const fresh = store.read().revision === 0
  if (fresh) await store.transact(0, foundation())
  const feed = await openControlEnd({
    path: feedPath(options.dataDir),
    store,
    clock,
    log: line => log('control', line),
  })
  await endForeignTasks()
  const alarms = openAlarms({ store, clock, node: feed, log: line => log('alarms', line) })
  const scheduler = await openScheduler({
    store,
    clock,
    health: key => feed.health(key),
    hasApplied: revision => (feed.applied()?.revision ?? 0) >= revision,
    onReport: listener => feed.onReport(({ kind }) => kind !== 'counters' && listener()),
    ...(options.tasks !== 'none' && { openRuntime }),
    log: line => log('tasks', line),
  })
  const deployments = openDeployments({
    store,
    clock,
    feed,
    hooks: hookCaller(options.hooks),
    timing: options.timing,
    log: line => log('deployment', line),
  })
  const api = await listen({
    host: options.host,
    port: options.port,
    hostNames: options.hostNames,
    store,
    clock,
    services: [elbv2, ec2, sts, ecs, codedeploy, acm, cloudWatch(alarms.metrics)],
    ...(credentials === undefined ? {} : { credentials }),
    account: options.account,
    region: options.region,
    hostAddresses,
    health: key => feed.health(key),
    log: line => log('api', line),
    routes: inquiries(store, clock, feed, scheduler, options),
    pages: pages(store, clock, feed),
    reset: async () => {
      const { revision } = await commit(store, state => [
        ...tableNames.flatMap(table => [...state[table].keys()].map((key): Change => ({ table, key }))),
        ...foundation(),
      ])
      if (feed.nodeConnected) await feed.waitApplied(revision, AbortSignal.timeout(30_000))
    },
  })
  clock.every(5_000, () => {
    commit(store, state => expiredRegistrations(state, clock.now())).catch(error => log('control', String(error)))
  })
  clock.every(1_000, () => {
    renewCertificate(store).catch(error => log('acm', `a certificate is not renewed, tried again: ${error}`))
  })
  const dns = options.dnsPort === 0 ? undefined : await openDns(store, key => feed.health(key))
  return {
    ready: { kind: 'ready', url: api.url, fresh } satisfies ControlReady,
    async close(how: Stop) {
      await api.close(2_000)
      await deployments.close()
      await (how === 'stop' ? scheduler.close() : scheduler.leave())
      await alarms.close()
      await dns?.close()
      await feed.close()
      await store.close()
    },
  }
}

/** Issues one certificate of ours anew if it is time for one; after a long rest all of them, one a second. */
async function renewCertificate(store: Store): Promise<void> {
  const due = dueForRenewal(store.read().certificates.values(), clock.now())
  if (due === undefined) return
  const { renewalChanges } = await import('./api/acm/renewal.ts')
  const { account, region } = options
  await commit(store, state => {
    const certificate = state.certificates.get(due.arn)
    return certificate === undefined ? [] : renewalChanges(state, certificate, { account, region, now: clock.now() })
  })
  log('acm', `issued ${due.arn} (${due.domainName}) anew: it would have ended ${new Date(due.notAfter).toISOString()}`)
}

/** What ran tasks before may have been something else, and nobody would adopt them. */
async function endForeignTasks(): Promise<void> {
  if (options.tasks === 'process') return
  const { dataDir, taskUser: user } = options
  const count = await endProcesses({ dataDir, user, clock, log: line => log('tasks', line) })
  if (count > 0)
    log('tasks', `ended ${count} processes of tasks from before: Sluice was started without --tasks process`)
}

/** What `--tasks` says runs tasks. */
async function openRuntime(onEvent: RuntimeOptions['onEvent']): Promise<TaskRuntime> {
  const { dataDir, tasks, taskUser } = options
  const common = { dataDir, clock, onEvent, log: (line: string) => log('tasks', line) }
  return tasks === 'docker' ? openDockerRuntime(common) : await openProcessRuntime({ ...common, user: taskUser })
}

/** Opens the API; where its port can't be had, says so in the operator's words. */
async function listen(settings: ApiOptions) {
  try {
    return await openApi(settings)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const port = `port ${settings.port} on ${settings.host}`
    if (code === 'EADDRINUSE') throw new Error(`${port} is taken, by another Sluice perhaps: choose one with --port`)
    if (code === 'EACCES') throw new Error(`${port} needs root: choose one from 1024 on with --port`)
    if (code === 'EADDRNOTAVAIL') throw new Error(`${settings.host} is not an address of this host: see --host`)
    throw new Error(`cannot listen on ${port}: ${message}`)
  }
}

/** The responder is a convenience: where its port is taken, all else works, and the operator is told. */
async function openDns(store: Store, health: Parameters<typeof addressesOf>[1]) {
  try {
    return await openDnsResponder({
      host: '127.0.0.1',
      port: options.dnsPort,
      zone: dnsZone,
      resolve: name => addressesOf(store.read(), health, clock.now(), name),
      log: line => log('dns', line),
    })
  } catch (error) {
    log(
      'dns',
      `load balancer names are not answered on 127.0.0.1:${options.dnsPort}: ${(error as Error).message} (--dns-port chooses another port)`,
    )
    return undefined
  }
}

try {
  const control = await open()
  supervised(how => control.close(how))
  process.send?.(control.ready)
} catch (error) {
  process.stderr.write(`sluice: ${(error as Error).message}\n`)
  process.exit(REFUSED)
}
