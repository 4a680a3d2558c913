import type { Cancel, Clock } from '../../clock.ts'
import { admits, clientAddress } from '../../domain/admission.ts'
import type { Choice, Chosen, Flow } from '../../domain/choice.ts'
import { backendPolicy, type SecurityPolicy } from '../../domain/security-policy.ts'
import type { SnapshotListener } from '../../domain/snapshot.ts'
import type { DropReason } from '../engine.ts'
import { listenOn, type Peer, type TcpHandle } from '../tcp-handle.ts'
import type { ServingListener } from './serving-listener.ts'
import type { Suspects } from './suspects.ts'
import { type Host, TcpConnection } from './tcp-connection.ts'
import type { TcpFlows } from './tcp-flows.ts'
import { TlsServer, type TlsServerOptions } from './tls-server.ts'

/** Idle connections are looked for this often, and so live for at most this much longer. */
const sweepMs = 500

interface TcpListenerOptions {
  readonly listener: SnapshotListener
  readonly choice: Choice
  /** Bound to the listener's address and port, and perhaps shared with other processes. */
  readonly handle: TcpHandle
  readonly clock: Clock
  readonly flows: TcpFlows
  readonly suspects: Suspects
  /** For the listener's `tls`, now or later. */
  readonly tls: Omit<TlsServerOptions, 'clock'>
  /** The Application Load Balancer's listener that this process has at a target's place, if it does. */
  readonly applicationAt: (address: string, port: number) => Application | undefined
}

/** Takes over accepted connections, with the client's address. */
interface Application {
  admit(client: TcpHandle, address: string, port: number): void
}

/**
 * One TCP or TLS listener in one process: admits clients, gives each a connection to a target, and ends those that are idle
 * for too long.
 */
export class TcpListener implements Host, ServingListener {
  readonly clock: Clock
  readonly flows: TcpFlows
  readonly suspects: Suspects
  readonly #handle: TcpHandle
  readonly #connections = new Set<TcpConnection>()
  readonly #cancelSweep: Cancel
  #listener: SnapshotListener
  #choice: Choice
  readonly #applicationAt: TcpListenerOptions['applicationAt']
  /** Some targets are Application Load Balancers. */
  #isInFront = false
  #accepting = true
  #newFlows = 0
  #activeFlows = 0
  #bytesIn = 0
  #bytesOut = 0
  readonly #tlsOptions: TlsServerOptions
  #tls: TlsServer | undefined
  readonly #drops: Partial<Record<DropReason, number>> = {}

  /** @throws the system's error, and has closed the handle: `EADDRINUSE` */
  constructor({ listener, choice, handle, clock, flows, suspects, tls, applicationAt }: TcpListenerOptions) {
    this.clock = clock
    this.flows = flows
    this.suspects = suspects
    this.#handle = handle
    this.#listener = listener
    this.#choice = choice
    this.#applicationAt = applicationAt
    this.#tlsOptions = { ...tls, clock }
    this.update(listener, choice)
    try {
      listenOn(handle, (status, client) => this.#onConnection(status, client))
    } catch (error) {
      handle.close()
      throw error
    }
    this.#cancelSweep = clock.every(sweepMs, () => this.#sweep())
  }

  /**
   * Goes on with the next snapshot: whom to admit, where to, whether by TLS, and the idle timeout. Established connections stay, and
   * what they speak.
   */
  update(listener: SnapshotListener, choice: Choice): void {
    this.#tls = listener.tls && (this.#tls ?? new TlsServer(this.#tlsOptions))
    if (listener.tls !== undefined) this.#tls?.update(listener.tls)
    this.#listener = listener
    this.#choice = choice
    this.#isInFront = listener.tls === undefined && choice.groups.some(group => group.ofLoadBalancers)
  }

  /** Of new connections. */
  get tls(): TlsServer | undefined {
    return this.#tls
  }

  get targetPolicy(): SecurityPolicy {
    return backendPolicy(this.#listener.tls?.sslPolicy)
  }

  /** Without targets: `flows` has them, over all listeners. */
  counters(): ReturnType<ServingListener['counters']> {
    this.#settle()
    return {
      listener: {
        listener: this.#listener.id,
        listenerArn: this.#listener.listenerArn,
        newFlows: this.#newFlows,
        activeFlows: this.#activeFlows,
        bytesIn: this.#bytesIn,
        bytesOut: this.#bytesOut,
        drops: { ...this.#drops },
      },
      targets: [],
    }
  }

  /** Gives the port back. Connections go on. */
  stopAccepting(): void {
    if (this.#accepting) this.#handle.close()
    this.#accepting = false
  }

  /** Gives the port back and resets every connection. */
  close(): void {
    this.stopAccepting()
    for (const connection of this.#connections) connection.end()
    this.#cancelSweep()
  }

  choose(flow: Flow, tried: readonly string[]): Chosen | undefined {
    return this.suspects.choose(this.#choice, flow, tried)
  }

  onEstablished(connection: TcpConnection): void {
    this.#newFlows++
    this.#activeFlows++
    const tally = this.flows.of(connection.targetKey!)
    tally.newFlows++
    tally.activeFlows++
  }

  onDropped(connection: TcpConnection, reason: DropReason): void {
    if (!this.#connections.delete(connection)) return
    this.flows.active--
    this.#drop(reason)
  }

  onClosed(connection: TcpConnection): void {
    connection.settle(0, this.#count)
    this.flows.of(connection.targetKey!).activeFlows--
    this.#activeFlows--
    this.flows.active--
    this.#connections.delete(connection)
  }

  #onConnection(status: number, client: TcpHandle): void {
    const peer: Peer = {}
    // Out of descriptors or memory: the kernel or libuv has turned the client away already.
    if (status !== 0) this.#drop('flow-limit')
    else if (client.getpeername(peer) !== 0) client.close()
    else this.#admit(client, peer.address ?? '', peer.port ?? 0)
  }

  #admit(client: TcpHandle, source: string, sourcePort: number): void {
    const { address: destination, port: destinationPort, admit } = this.#listener
    if (!admits(admit, clientAddress(source, destination))) {
      this.#refuse(client, 'security-group')
    } else if (this.flows.active >= this.flows.limit) {
      this.#refuse(client, 'flow-limit')
    } else {
      const flow: Flow = { protocol: 'TCP', source, sourcePort, destination, destinationPort }
      if (this.#isInFront && this.#handOver(client, flow)) return
      const connection = new TcpConnection(this, client, flow)
      this.#connections.add(connection)
      this.flows.active++
      connection.start()
    }
  }

  /**
   * An Application Load Balancer is told the client's address (AWS: Application Load Balancers as targets), which no connection to it
   * could: it gets the client's own.
   */
  #handOver(client: TcpHandle, flow: Flow): boolean {
    const target = this.choose(flow, [])?.target
    const application = target && this.#applicationAt(target.address, target.port)
    if (target === undefined || application === undefined) return false
    this.#newFlows++
    this.flows.of(target.key).newFlows++
    application.admit(client, flow.source, flow.sourcePort)
    return true
  }

  #refuse(client: TcpHandle, reason: DropReason): void {
    client.reset()
    this.#drop(reason)
  }

  #drop(reason: DropReason): void {
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1
  }

  #sweep(): void {
    const now = this.clock.monotonic()
    for (const connection of this.#connections)
      if (connection.settle(now, this.#count) >= this.#listener.idleTimeoutMs) connection.end()
  }

  #settle(): void {
    const now = this.clock.monotonic()
    for (const connection of this.#connections) connection.settle(now, this.#count)
  }

  readonly #count = (targetKey: string, bytesIn: number, bytesOut: number): void => {
    this.#bytesIn += bytesIn
    this.#bytesOut += bytesOut
    const tally = this.flows.of(targetKey)
    tally.bytesIn += bytesIn
    tally.bytesOut += bytesOut
  }
}
