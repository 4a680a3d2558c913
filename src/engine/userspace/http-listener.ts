import type { Cancel, Clock } from '../../clock.ts'
import { admits, clientAddress } from '../../domain/admission.ts'
import type { SnapshotListener } from '../../domain/snapshot.ts'
import type { LogSink } from '../../http/access-log.ts'
import { type Client, ClientConnection } from '../../http/client-connection.ts'
import { Front, type Load, mostLagMs, sweepMs } from '../../http/front.ts'
import { plainHttpAnswer } from '../../http/own-answers.ts'
import type { Rejection } from '../../http/tally.ts'
import type { Targets } from '../../http/targets.ts'
import type { DropReason, TargetCounters } from '../engine.ts'
import { adopt, listenOn, type Peer, reset, type TcpHandle } from '../tcp-handle.ts'
import { NetWire } from './net-wire.ts'
import type { ServingListener } from './serving-listener.ts'
import type { TcpFlows } from './tcp-flows.ts'
import { TlsServer, type TlsServerOptions, type TlsSession } from './tls-server.ts'

interface HttpListenerOptions {
  /** With `http`. */
  readonly listener: SnapshotListener
  /** Bound to the listener's address and port, and perhaps shared with other processes. */
  readonly handle: TcpHandle
  readonly clock: Clock
  /** Bounds connections, with those of all other listeners. */
  readonly flows: TcpFlows
  readonly targets: Targets
  readonly load: Load
  /** For the listener's `tls`, now or later. */
  readonly tls: Omit<TlsServerOptions, 'clock'>
  readonly log: LogSink
}

/** One HTTP or HTTPS listener in one process: admits clients, ends TLS, and gives each connection to the `Front`. */
export class HttpListener implements ServingListener {
  readonly #options: HttpListenerOptions
  readonly #front: Front
  readonly #cancelSweep: Cancel
  #listener: SnapshotListener
  #tls: TlsServer | undefined
  #accepting = true
  readonly #drops: Partial<Record<DropReason, number>> = {}

  /** @throws the system's error, and has closed the handle: `EADDRINUSE` */
  constructor(options: HttpListenerOptions) {
    const { listener, handle, clock, flows, targets, load, log } = options
    this.#options = options
    this.#listener = listener
    this.#front = new Front({ listener, targets, load, log, onClosed: () => flows.active-- })
    this.update(listener)
    try {
      listenOn(handle, (status, client) => this.#onConnection(status, client))
    } catch (error) {
      handle.close()
      throw error
    }
    this.#cancelSweep = clock.every(sweepMs, () => this.#front.sweep())
  }

  /** Goes on with the next snapshot. Established connections stay, and what they speak; each next request is treated by it. */
  update(listener: SnapshotListener): void {
    const { tls, clock } = this.#options
    this.#tls =
      listener.tls && (this.#tls ?? new TlsServer({ ...tls, clock, answerPlainHttp: () => this.#plainHttpAnswer() }))
    if (listener.tls !== undefined) this.#tls?.update(listener.tls, protocols)
    this.#listener = listener
    this.#front.update(listener)
  }

  /** Without targets: `Targets` has them, over all listeners. */
  counters(): ReturnType<ServingListener['counters']> {
    const { tally } = this.#front
    return {
      listener: {
        listener: this.#listener.id,
        listenerArn: this.#listener.listenerArn,
        newFlows: tally.newConnections,
        activeFlows: tally.activeConnections,
        bytesIn: tally.bytesIn,
        bytesOut: tally.bytesOut,
        drops: { ...this.#drops },
        http: {
          requests: tally.requests,
          activeRequests: tally.activeRequests,
          clientTlsErrors: tally.clientTlsErrors,
          ruleEvaluations: tally.ruleEvaluations,
          redirects: tally.redirects.count,
          fixedResponses: tally.redirects.fixedResponses,
          nonCompliant: tally.desync.nonCompliant,
          answers: Object.fromEntries(tally.elb),
          rejections: Object.fromEntries(tally.rejections),
        },
      },
      targets: [],
    }
  }

  /** Gives the port back. Requests under way are answered, and then their connections closed. */
  stopAccepting(): void {
    if (!this.#accepting) return
    this.#accepting = false
    this.#options.handle.close()
    this.#front.drain()
  }

  /** Gives the port back and resets every connection. */
  close(): void {
    if (this.#accepting) this.#options.handle.close()
    this.#accepting = false
    this.#front.close()
    this.#cancelSweep()
  }

  #onConnection(status: number, handle: TcpHandle): void {
    const peer: Peer = {}
    // Out of descriptors or memory: the kernel or libuv has turned the client away already.
    if (status !== 0) this.#count('flow-limit', 'connection-limit')
    else if (this.#options.load.lagMs > mostLagMs.connection) this.#refuse(handle, 'flow-limit', 'overload')
    else if (handle.getpeername(peer) !== 0) handle.close()
    else this.admit(handle, peer.address ?? '', peer.port ?? 0)
  }

  /** A client's connection, accepted here or by a Network Load Balancer in front. */
  admit(handle: TcpHandle, address: string, port: number): void {
    const { flows, clock } = this.#options
    if (!admits(this.#listener.admit, clientAddress(address, this.#listener.address))) {
      this.#refuse(handle, 'security-group', 'security-group')
    } else if (flows.active >= flows.limit) {
      this.#refuse(handle, 'flow-limit', 'connection-limit')
    } else {
      flows.active++
      if (this.#tls !== undefined) {
        this.#secure(this.#tls, handle, address, port)
        return
      }
      const connection = new ClientConnection(this.#front, { address, port })
      connection.start(NetWire.accepted(clock, connection, handle))
      this.#logConnection(connection.client, undefined, 'Success', connection.traceId)
    }
  }

  #plainHttpAnswer(): string {
    this.#front.tally.countOwn(400)
    return plainHttpAnswer(this.#front.site.http.settings, this.#front.date)
  }

  #secure(server: TlsServer, handle: TcpHandle, address: string, port: number): void {
    const lower = adopt(handle)
    server.secure(lower, secured => {
      if (typeof secured === 'string') {
        this.#options.flows.active--
        this.#front.tally.clientTlsErrors++
        this.#front.tally.reject('tls-handshake')
        this.#logConnection({ address, port }, undefined, 'Failed:UnmappedConnectionError')
        return
      }
      const { tls, lower, session } = secured
      if (!this.#accepting) {
        // Closed meanwhile: nobody would look after it.
        this.#options.flows.active--
        reset(lower)
        tls.destroy()
        return
      }
      const client: Client = { address, port, tls: { ...session, serverName: session.serverName ?? '' } }
      const connection = new ClientConnection(this.#front, client)
      connection.start(new NetWire(this.#options.clock, connection, { tls, lower }))
      this.#logConnection(client, session, 'Success', connection.traceId)
    })
  }

  #logConnection(
    { address, port }: Client,
    session: TlsSession | undefined,
    verifyStatus: string,
    traceId?: string,
  ): void {
    const { connectionLog } = this.#front.site.http.settings
    if (connectionLog === undefined) return
    this.#options.log.connection(connectionLog, this.#listener.address, {
      time: this.#options.clock.now(),
      clientAddress: address,
      clientPort: port,
      listenerPort: this.#listener.port,
      tlsProtocol: session?.version ?? '',
      tlsCipher: session?.cipher ?? '',
      handshakeMs: session?.handshakeMs ?? -1,
      verifyStatus,
      traceId: traceId ?? this.#front.traceIds.connection(),
    })
  }

  #refuse(handle: TcpHandle, reason: DropReason, rejection: Rejection): void {
    handle.reset()
    this.#count(reason, rejection)
  }

  #count(reason: DropReason, rejection: Rejection): void {
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1
    this.#front.tally.reject(rejection)
  }
}

/** What targets have had of this process, through all its HTTP listeners. */
export function countersOf(targets: Targets): readonly TargetCounters[] {
  return targets.counters().map(({ key, tally, connections, isAnomalous }) => ({
    target: key,
    newFlows: tally.newConnections,
    activeFlows: connections,
    bytesIn: tally.bytesIn,
    bytesOut: tally.bytesOut,
    http: {
      requests: tally.requests,
      activeRequests: tally.activeRequests,
      connectionErrors: tally.connectionErrors,
      tlsErrors: tally.tlsErrors,
      anomalous: isAnomalous ? 1 : 0,
      classes: [...tally.classes],
      latency: [...tally.latency],
      latencySumMs: tally.latencySumMs,
    },
  }))
}

/** HTTP/2 is not spoken yet. */
const protocols = ['http/1.1']
