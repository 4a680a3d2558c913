/** What the tests of UDP listeners share: services to stand behind one, clients in front, and snapshots made by hand. */
import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../clock.ts'
import { Choice } from '../../domain/choice.ts'
import type { Admission, SnapshotGroup, SnapshotListener, SnapshotTarget } from '../../domain/snapshot.ts'
import type { Suspicion } from '../engine.ts'
import { until } from '../until.fixture.ts'
import { Suspects } from './suspects.ts'
import { UdpListener } from './udp-listener.ts'

let nextPort = 22_000

/** A port that no other test of this process uses. */
export function takePort(): number {
  return nextPort++
}

/** A UDP service that answers each datagram with its name in front, except those that begin with `hold` or `quiet`. */
export class Service {
  readonly name: string
  readonly address: string
  readonly received: string[] = []
  readonly sources: RemoteInfo[] = []
  #socket: Socket

  constructor(name: string, address: string) {
    this.name = name
    this.address = address
    this.#socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    this.open(0)
  }

  open(port: number): void {
    this.#socket = createSocket(this.address.includes(':') ? 'udp6' : 'udp4')
    this.#socket.setMaxListeners(0)
    this.#socket.on('message', (datagram, from) => {
      const text = datagram.toString('latin1')
      this.received.push(text)
      this.sources.push(from)
      if (text === '' || text.length > 60_000) this.answer(datagram, from)
      else if (!/^(hold|quiet)/.test(text)) this.answer(`${this.name} ${text}`, from)
    })
    this.#socket.bindSync({ address: this.address, port })
  }

  answer(datagram: string | Buffer, to: RemoteInfo): void {
    this.#socket.send(datagram, to.port, to.address)
  }

  close(): void {
    this.#socket.close()
  }

  get port(): number {
    return this.#socket.address().port
  }

  /** The registration under which a snapshot knows it. */
  as(mode: SnapshotTarget['mode'] = 'serve', id = this.name): SnapshotTarget {
    return { key: `group ${id}`, address: this.address, port: this.port, mode }
  }
}

export function serviceAt(t: TestContext, name: string, address = '127.0.0.1'): Service {
  const service = new Service(name, address)
  t.after(() => service.close())
  return service
}

export class Client {
  readonly received: string[] = []
  readonly from: RemoteInfo[] = []
  readonly socket: Socket
  readonly #to: { address: string; port: number }

  constructor(to: { address: string; port: number }, address?: string) {
    this.#to = to
    this.socket = createSocket(to.address.includes(':') ? 'udp6' : 'udp4')
    this.socket.bindSync(address === undefined ? {} : { address })
    this.socket.unref()
    this.socket.on('message', (datagram, from) => {
      this.received.push(datagram.toString('latin1'))
      this.from.push(from)
    })
  }

  send(datagram: string | Buffer): void {
    this.socket.send(datagram, this.#to.port, this.#to.address)
  }

  async ask(datagram: string | Buffer): Promise<string> {
    const before = this.received.length
    this.send(datagram)
    await until(() => this.received.length > before)
    return this.received[before]!
  }
}

export interface Desired {
  /** Targets by group; each group is in the route with weight 1 unless `weights` says otherwise. */
  readonly groups: Readonly<Record<string, readonly SnapshotTarget[]>>
  readonly weights?: Readonly<Record<string, number>>
  readonly admit?: readonly Admission[]
  readonly address?: string
}

export class Balancer {
  readonly udp: UdpListener
  readonly suspicions: Suspicion[] = []
  readonly address: string
  readonly port = takePort()

  constructor(t: TestContext, desired: Desired, clock: Clock, flowLimit: number) {
    this.address = desired.address ?? '127.0.0.1'
    this.udp = new UdpListener({
      ...this.#snapshot(desired),
      clock,
      suspects: new Suspects({ clock, onSuspicion: suspicion => this.suspicions.push(suspicion) }),
      flowLimit,
      onError: error => assert.fail(error),
    })
    t.after(() => this.udp.close())
  }

  apply(desired: Desired): void {
    const { listener, choice, groups } = this.#snapshot(desired)
    this.udp.update(listener, choice, groups)
  }

  #snapshot({ groups, weights, admit }: Desired) {
    const listener: SnapshotListener = {
      id: `UDP ${this.address} ${this.port}`,
      listenerArn: 'listener',
      protocol: 'UDP',
      address: this.address,
      port: this.port,
      admit,
      route: Object.keys(groups).map(group => ({ group, weight: weights?.[group] ?? 1 })),
      idleTimeoutMs: 120_000,
      synproxy: false,
    }
    const byId = new Map<string, SnapshotGroup>()
    for (const [id, targets] of Object.entries(groups))
      byId.set(id, {
        id,
        targets,
        sticky: false,
        proxyProtocol: false,
        preserveClientIp: false,
      })
    return { listener, choice: new Choice(listener, byId), groups: byId }
  }

  client(t: TestContext, address?: string): Client {
    const client = new Client(this, address)
    t.after(() => client.socket.close())
    return client
  }

  get counted() {
    return this.udp.counters().listener
  }
}

export async function balance(
  t: TestContext,
  desired: Desired,
  { clock = systemClock, flowLimit = 1_000 }: { clock?: Clock; flowLimit?: number } = {},
): Promise<Balancer> {
  const balancer = new Balancer(t, desired, clock, flowLimit)
  await balancer.udp.start()
  return balancer
}
