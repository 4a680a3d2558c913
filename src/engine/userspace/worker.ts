/**
 * A worker process: it carries the traffic of TCP listeners, whose sockets it shares with its siblings, and of the UDP
 * listeners that it owns. It does what the engine says over the process's channel, and nothing else.
 */
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { systemClock } from '../../clock.ts'
import { Choice } from '../../domain/choice.ts'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import { sweepMs } from '../../http/front.ts'
import { Targets } from '../../http/targets.ts'
import { sumTargets } from '../counters.ts'
import type { ListenerCounters, TargetCounters } from '../engine.ts'
import type { TcpHandle } from '../tcp-handle.ts'
import { countersOf, HttpListener } from './http-listener.ts'
import { LogFiles } from './log-files.ts'
import { LoopLag } from './loop-lag.ts'
import type { Configure, FromWorker, ListenFailure, ToWorker } from './messages.ts'
import { NetDialer } from './net-dialer.ts'
import type { ServingListener } from './serving-listener.ts'
import { Suspects } from './suspects.ts'
import { TcpFlows } from './tcp-flows.ts'
import { TcpListener } from './tcp-listener.ts'
import { TlsContexts } from './tls-contexts.ts'
import { Handshakes } from './tls-server.ts'
import { UdpListener } from './udp-listener.ts'

const clock = systemClock
/** Without the engine, established connections get this long. */
const orphanMs = 600_000

interface Served {
  told: SnapshotListener
  readonly by: ServingListener
}

const groups = new Map<string, SnapshotGroup>()
const served = new Map<string, Served>()
/** Bound sockets that came ahead of their listeners. */
const sockets = new Map<string, TcpHandle>()
const flows = new TcpFlows(connectionLimit())
const suspects = new Suspects({ clock, onSuspicion: suspicion => send({ kind: 'suspicion', suspicion }) })
const tls = {
  contexts: new TlsContexts(),
  handshakes: new Handshakes(),
  onProblem: (line: string) => send({ kind: 'log', line }),
}
const load = new LoopLag(clock)
const targets = new Targets({ dialer: new NetDialer(clock), timing: clock, suspects, random: Math.random })
/** `start` says what these are, and comes first. */
let udpFlowLimit = 0
let logs: LogFiles | undefined
let isOrphan = false
/** What was last reported, as text, by listener id or target key. */
const reported = new Map<string, string>()

process.on('message', (message: ToWorker, handle: unknown) => {
  switch (message.kind) {
    case 'start':
      udpFlowLimit = message.udpFlowLimit
      logs = new LogFiles({ directory: message.directory, clock, log: line => send({ kind: 'log', line }) })
      // Now and not at its exit, which a kill -9 leaves out: the next one starts from what this one has compiled.
      flushCompileCache()
      return
    case 'socket':
      sockets.set(message.listener, handle as TcpHandle)
      return
    case 'configure':
      configure(message).then(
        failures => send({ kind: 'configured', seq: message.seq, failures }),
        error => {
          // A bug. Starting anew from the engine's snapshot is the way back to a known state.
          process.stderr.write(`sluice worker ${process.pid}: ${error instanceof Error ? error.stack : error}\n`)
          process.exit(1)
        },
      )
      return
    case 'count':
      send({ kind: 'counters', seq: message.seq, ...counters() })
      return
    case 'drain':
      leave(message.ms)
  }
})

// The engine is gone, perhaps by kill -9. The ports are for its successor; what is established may finish.
process.on('disconnect', () => {
  isOrphan = true
  leave(orphanMs)
})

// Ctrl-C and service managers signal every process of the group. The node process drains, and workers leave when it says so.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => isOrphan && leave(0))

clock.every(1_000, () => {
  if (isOrphan) return
  const all = counters()
  const changed = {
    listeners: all.listeners.filter(one => isNews(one.listener, one)),
    targets: all.targets.filter(one => isNews(one.target, one)),
  }
  if (changed.listeners.length + changed.targets.length > 0) send({ kind: 'counters', ...changed })
})

clock.every(sweepMs, () => targets.sweep())

/** Adds before it deletes; a listener that can't be had disturbs no other. */
async function configure(message: Configure): Promise<readonly ListenFailure[]> {
  const changedGroups = new Set<string>()
  for (const group of message.groups) {
    groups.set(group.id, group)
    changedGroups.add(group.id)
  }
  targets.update(message.groups)
  const told = new Map<string, SnapshotListener>(message.listeners.map(listener => [listener.id, listener]))
  for (const { told: listener } of served.values())
    if (!told.has(listener.id) && listener.route.some(({ group }) => changedGroups.has(group)))
      told.set(listener.id, listener)
  const failures = await Promise.all([...told.values()].map(setUp))
  for (const id of message.goneListeners) {
    served.get(id)?.by.close()
    served.delete(id)
    reported.delete(id)
  }
  for (const id of message.goneGroups) groups.delete(id)
  targets.settle(message.groups, message.goneGroups)
  for (const group of message.groups) flows.cut(group, id => !groups.has(id))
  if (message.groups.length + message.goneGroups.length > 0) forgetTargets()
  return failures.filter(failure => failure !== undefined)
}

async function setUp(listener: SnapshotListener): Promise<ListenFailure | undefined> {
  const choice = new Choice(listener, groups)
  const known = served.get(listener.id)
  if (known !== undefined && isHttp(known.told) !== isHttp(listener)) {
    // Another load balancer has taken the port over, and its socket comes with it.
    known.by.close()
    served.delete(listener.id)
  } else if (known !== undefined) {
    known.told = listener
    known.by.update(listener, choice, groups)
    return undefined
  }
  try {
    served.set(listener.id, { told: listener, by: await open(listener, choice) })
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { listener: listener.id, code: code ?? message }
  }
}

async function open(listener: SnapshotListener, choice: Choice): Promise<ServingListener> {
  if (listener.protocol === 'TCP') {
    const handle = sockets.get(listener.id)
    sockets.delete(listener.id)
    if (handle === undefined) throw new Error('its socket did not arrive')
    if (isHttp(listener)) return new HttpListener({ listener, handle, clock, flows, targets, load, tls, log: logs! })
    return new TcpListener({ listener, choice, handle, clock, flows, suspects, tls, applicationAt })
  }
  const udp = new UdpListener({
    listener,
    choice,
    groups,
    clock,
    suspects,
    flowLimit: udpFlowLimit,
    onError: error => send({ kind: 'log', line: `${listener.id}: ${error.message}` }),
  })
  await udp.start()
  return udp
}

function applicationAt(address: string, port: number): HttpListener | undefined {
  const by = served.get(`TCP ${address} ${port}`)?.by
  return by instanceof HttpListener ? by : undefined
}

function isHttp(listener: SnapshotListener): boolean {
  return listener.http !== undefined
}

function forgetTargets(): void {
  const keys = new Set<string>()
  for (const group of groups.values()) for (const { key } of group.targets) keys.add(key)
  flows.retain(keys)
  for (const id of reported.keys()) if (!keys.has(id) && !served.has(id)) reported.delete(id)
}

function counters(): { readonly listeners: readonly ListenerCounters[]; readonly targets: readonly TargetCounters[] } {
  const listeners: ListenerCounters[] = []
  const counted: TargetCounters[] = []
  for (const { by } of served.values()) {
    const its = by.counters()
    listeners.push(its.listener)
    counted.push(...its.targets.filter(({ newFlows }) => newFlows > 0))
  }
  return { listeners, targets: [...sumTargets([...counted, ...flows.counters(), ...countersOf(targets)]).values()] }
}

function isNews(id: string, value: ListenerCounters | TargetCounters): boolean {
  const text = JSON.stringify(value)
  if (reported.get(id) === text) return false
  reported.set(id, text)
  return true
}

/** Gives the ports back at once, and exits when the last connection has ended, or after `ms`. */
function leave(ms: number): void {
  for (const { by } of served.values()) by.stopAccepting()
  const end = clock.monotonic() + ms
  const check = () => {
    if (flows.active > 0 && clock.monotonic() < end) return
    cancel()
    // Ended by the system they would look complete to the other side: it is to see a reset.
    for (const { by } of served.values()) by.close()
    void Promise.resolve(logs?.close()).finally(() => process.exit(0))
  }
  const cancel = clock.every(50, check)
  check()
}

function send(message: FromWorker): void {
  // The channel may break while something is on its way; 'disconnect' follows and says what to do.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

/** Most TCP connections at once: each takes two descriptors, and some are needed for everything else. */
function connectionLimit(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return limit === undefined ? Number.POSITIVE_INFINITY : Math.max(Math.floor((Number(limit) - 128) / 2), 16)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
