import assert from 'node:assert/strict'
import type { SnapshotGroup, SnapshotListener, SnapshotTarget } from '../domain/snapshot.ts'
import type { HttpSettings, SnapshotHttpGroup, SnapshotRule } from '../domain/snapshot-http.ts'
import { VirtualClock } from '../virtual-clock.ts'
import type { AccessLogEntry, LogSink } from './access-log.ts'
import { ClientConnection } from './client-connection.ts'
import { Front, sweepMs } from './front.ts'
import { defaultSettings } from './head.fixture.ts'
import { Targets } from './targets.ts'
import type { Dialer, OpeningReceiver, Receiver, Wire } from './wire.ts'

/** A wire in memory. What was sent to the peer is `sent`; what the peer does are calls. */
export class MemoryWire implements Wire {
  sent = ''
  /** False: a send is taken, but no other is wanted before `drain`. */
  takesMore = true
  isPaused = false
  end: 'open' | 'finished' | 'closed' | 'reset' = 'open'
  receiver: Receiver

  constructor(receiver: Receiver) {
    this.receiver = receiver
  }

  send(text: string, bytes?: Buffer, after = ''): boolean {
    assert.equal(this.end, 'open', `sent after the end: ${text}`)
    this.sent += text + (bytes?.toString('latin1') ?? '') + after
    return this.takesMore
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  finish(): void {
    if (this.end === 'open') this.end = 'finished'
  }

  close(): void {
    if (this.end !== 'reset') this.end = 'closed'
  }

  reset(): void {
    this.end = 'reset'
  }

  /** The peer sends, while its bytes are read. */
  receive(text: string): void {
    assert.ok(!this.isPaused, 'bytes for a paused wire')
    const bytes = Buffer.from(text, 'latin1')
    this.receiver.onBytes(bytes)
    // The transport's buffer is used again, but while the wire is paused.
    if (!this.isPaused) bytes.fill('X')
  }

  /** What was sent since the last call. */
  take(): string {
    const { sent } = this
    this.sent = ''
    return sent
  }

  drain(): void {
    this.takesMore = true
    this.receiver.onDrain()
  }

  peerFinishes(): void {
    this.receiver.onFinish()
  }

  /** The connection is gone. */
  closes(error?: string): void {
    this.receiver.onClose(error)
  }
}

/** A connection that was asked for. */
export class MemoryDial extends MemoryWire {
  readonly address: string
  readonly isTls: boolean
  readonly #opening: OpeningReceiver

  constructor(address: string, isTls: boolean, receiver: OpeningReceiver) {
    super(receiver)
    this.address = address
    this.isTls = isTls
    this.#opening = receiver
  }

  opens(): this {
    this.#opening.onOpen()
    return this
  }
}

export const groupId = 'arn:tg HTTP *'

export function targetNamed(name: string, changes: Partial<SnapshotTarget> = {}): SnapshotTarget {
  return { key: name, address: name, port: 80, mode: 'serve', ...changes }
}

export function httpGroup(
  targets: readonly SnapshotTarget[],
  changes: Partial<Omit<SnapshotGroup, 'http'>> & { readonly http?: Partial<SnapshotHttpGroup> } = {},
): SnapshotGroup {
  return {
    id: groupId,
    targets,
    sticky: false,
    proxyProtocol: false,
    preserveClientIp: false,
    ...changes,
    http: {
      targetGroupArn: 'arn:tg',
      protocolVersion: 'HTTP1',
      algorithm: 'round_robin',
      anomalyMitigation: false,
      slowStartMs: 0,
      ...changes.http,
    },
  }
}

export const forwardRule: SnapshotRule = {
  priority: 0,
  conditions: [],
  action: { forward: [{ group: groupId, weight: 1 }] },
}

export function httpListener(
  changes: { readonly rules?: readonly SnapshotRule[]; readonly settings?: Partial<HttpSettings> } = {},
): SnapshotListener {
  return {
    id: 'TCP 10.0.0.5 80',
    listenerArn: 'arn:listener',
    protocol: 'TCP',
    address: '10.0.0.5',
    port: 80,
    admit: undefined,
    route: [],
    idleTimeoutMs: 60_000,
    synproxy: false,
    http: {
      loadBalancer: 'app/web/50dc6c495c0c9188',
      rules: changes.rules ?? [forwardRule],
      settings: { ...defaultSettings, ...changes.settings },
    },
  }
}

/** A load balancer in memory: its clients, its targets, its clock. */
export class Stage implements Dialer {
  readonly clock = new VirtualClock()
  readonly dials: MemoryDial[] = []
  readonly entries: AccessLogEntry[] = []
  readonly suspects = new Map<string, string>()
  readonly load = { lagMs: 0 }
  readonly targets: Targets
  readonly front: Front
  closed = 0

  constructor(groups: readonly SnapshotGroup[], listener = httpListener()) {
    this.targets = new Targets({
      dialer: this,
      timing: this.clock,
      random: () => 0,
      suspects: {
        has: key => this.suspects.has(key),
        avoid: key => this.suspects.set(key, 'slow'),
        report: (key, reason) => this.suspects.set(key, reason),
      },
    })
    this.targets.update(groups)
    const log: LogSink = {
      access: (_place, _node, entry) => this.entries.push(entry),
      connection() {},
    }
    this.front = new Front({ listener, targets: this.targets, load: this.load, log, onClosed: () => this.closed++ })
    this.clock.every(sweepMs, () => {
      this.front.sweep()
      this.targets.sweep()
    })
  }

  dial(address: string, _port: number, tls: object | undefined, receiver: OpeningReceiver): MemoryDial {
    const dial = new MemoryDial(address, tls !== undefined, receiver)
    this.dials.push(dial)
    return dial
  }

  client(): MemoryWire {
    const connection = new ClientConnection(this.front, { address: '203.0.113.7', port: 4321 })
    const wire = new MemoryWire(connection)
    connection.start(wire)
    return wire
  }

  /** The next target that is dialled, connected. */
  nextTarget(): MemoryDial {
    const dial = this.dials.shift()
    assert.ok(dial !== undefined, 'nobody was dialled')
    return dial.opens()
  }

  update(groups: readonly SnapshotGroup[], gone: readonly string[] = []): void {
    this.targets.update(groups)
    this.targets.settle(groups, gone)
  }
}

export const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
export const ok = (body = 'ok') => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
/** The status of each answer in what a client got. */
export const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
/** The methods and paths of each request in what a target got. */
export const requests = (text: string) =>
  [...text.matchAll(/([A-Z]+) (\S+) HTTP\/1\.1/g)].map(([, m, p]) => `${m} ${p}`)
