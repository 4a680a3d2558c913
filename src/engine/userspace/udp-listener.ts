import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { Cancel, Clock } from '../../clock.ts'
import { admits, clientAddress } from '../../domain/admission.ts'
import type { Choice, Flow } from '../../domain/choice.ts'
import { holdsFlows, type SnapshotGroup, type SnapshotListener, type SnapshotTarget } from '../../domain/snapshot.ts'
import type { DropReason } from '../engine.ts'
import { FlowTable } from './flow-table.ts'
import type { ServingListener } from './serving-listener.ts'
import type { Suspects } from './suspects.ts'
import { Backlog, literalLookup, maxPayload, raiseBuffers, socketType, UdpFlow, UdpTarget } from './udp-flow.ts'

interface UdpListenerOptions {
  readonly listener: SnapshotListener
  readonly choice: Choice
  /** The snapshot's groups by `SnapshotGroup.id`, at least those of the listener's route. */
  readonly groups: ReadonlyMap<string, SnapshotGroup>
  readonly clock: Clock
  readonly suspects: Suspects
  /** Each flow costs a file descriptor and a source port. */
  readonly flowLimit: number
  /** The listening socket failed after it had started. It goes on if it can. */
  onError(error: Error): void
}

/**
 * Idle flows are looked for this often, and so live for at most this much longer. Flows that a change ended hear replies under
 * way for one to two of these: within the second that R12 leaves to a target that may no longer serve.
 */
const sweepMs = 500

/** Datagrams for all flows wait here while the process is busy: 4 MiB hold some 5,000 small ones. */
const bufferBytes = 4 << 20

/** No more sockets, source ports or kernel memory: what a closed flow gives back. */
const exhausted: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE'])

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'port unreachable',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
}

/**
 * One UDP listener. A flow is a client's address and port; it keeps its target for as long as it is active in either
 * direction and the snapshot lets that target serve (AWS: Listeners for your Network Load Balancers). When the target may
 * not, its flows end there and then, and a client's next datagram opens a new flow; replies to what was asked before still pass
 * for a moment, so that a switch loses none. The reply leaves from the address that was asked.
 */
export class UdpListener implements ServingListener {
  readonly #clock: Clock
  readonly #flowLimit: number
  readonly #suspects: Suspects
  readonly #onError: (error: Error) => void
  readonly #flows = new FlowTable<UdpFlow>()
  /** Those of the route, and no others: by `targetKey`. */
  #targets = new Map<string, UdpTarget>()
  /** Flows that a change ended: since the last sweep, and since the one before it. */
  #leaving: UdpFlow[] = []
  #left: UdpFlow[] = []
  #listener: SnapshotListener
  #choice: Choice
  #socket: Socket | undefined
  #backlog: Backlog | undefined
  #cancelSweep: Cancel | undefined
  #newFlows = 0
  #bytesIn = 0
  #bytesOut = 0
  readonly #drops: Partial<Record<DropReason, number>> = {}
  readonly #maxReply: number

  constructor(options: UdpListenerOptions) {
    this.#clock = options.clock
    this.#flowLimit = options.flowLimit
    this.#suspects = options.suspects
    this.#onError = options.onError
    this.#listener = options.listener
    this.#choice = options.choice
    this.#maxReply = maxPayload(options.listener.address)
    this.update(options.listener, options.choice, options.groups)
  }

  /** Binds the listener's address and port. Rejects with the system's error: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`. */
  async start(): Promise<void> {
    const { address, port } = this.#listener
    const type = socketType(address)
    const socket = createSocket({ type, ipv6Only: type === 'udp6', lookup: literalLookup })
    socket.on('error', error => this.#onError(error))
    socket.on('message', (datagram, from) => this.#onDatagram(datagram, from))
    try {
      // In a cluster's worker, too, this is the worker's own socket: one worker owns a UDP listener.
      socket.bindSync({ address, port })
    } catch (error) {
      socket.close()
      throw error
    }
    raiseBuffers(socket, bufferBytes)
    this.#socket = socket
    this.#backlog = new Backlog(socket)
    this.#cancelSweep = this.#clock.every(sweepMs, () => this.#sweep())
  }

  /**
   * Goes on with the next snapshot. Flows whose target may serve keep it; those of a target that is cut or gone, or whose group
   * left the route or lost its weight, end. Admission concerns new flows only.
   */
  update(listener: SnapshotListener, choice: Choice, groups: ReadonlyMap<string, SnapshotGroup>): void {
    this.#listener = listener
    this.#choice = choice
    const current = new Map<string, SnapshotTarget>()
    for (const routed of listener.route)
      if (holdsFlows(routed))
        for (const target of groups.get(routed.group)?.targets ?? []) current.set(target.key, target)
    const ended = new Set<UdpTarget>()
    for (const target of this.#targets.values())
      if (target.activeFlows > 0 && !target.isServedBy(current.get(target.key))) ended.add(target)
    if (ended.size > 0) for (const flow of this.#flows) if (ended.has(flow.target)) this.#leave(flow)
    const targets = new Map<string, UdpTarget>()
    for (const [key, target] of current) {
      const known = this.#targets.get(key)
      const same = known?.address === target.address && known.port === target.port
      targets.set(key, same ? known : new UdpTarget(target))
    }
    this.#targets = targets
  }

  counters(): ReturnType<ServingListener['counters']> {
    return {
      listener: {
        listener: this.#listener.id,
        listenerArn: this.#listener.listenerArn,
        newFlows: this.#newFlows,
        activeFlows: this.#flows.size,
        bytesIn: this.#bytesIn,
        bytesOut: this.#bytesOut,
        drops: { ...this.#drops },
      },
      targets: [...this.#targets.values()].map(({ key, newFlows, activeFlows, bytesIn, bytesOut }) => ({
        target: key,
        newFlows,
        activeFlows,
        bytesIn,
        bytesOut,
      })),
    }
  }

  stopAccepting(): void {
    this.close()
  }

  /** Ends every flow and gives the port back. */
  close(): void {
    this.#cancelSweep?.()
    for (const flow of this.#flows) this.#end(flow)
    this.#closeLeft()
    this.#closeLeft()
    this.#socket?.close()
    this.#socket = undefined
  }

  #onDatagram(datagram: Buffer, from: RemoteInfo): void {
    let flow = this.#flows.get(from.address, from.port)
    if (flow === undefined) {
      flow = this.#open(from)
      if (flow === undefined) return
    } else {
      this.#flows.touch(flow, this.#clock.monotonic())
    }
    const { target } = flow
    if (datagram.length > target.maxPayload) this.#drop('too-large')
    else if (!flow.send(datagram)) this.#drop('send-failed')
    else {
      this.#bytesIn += datagram.length
      target.bytesIn += datagram.length
    }
  }

  /** A flow for a client's first datagram, or none, and then it is counted why. */
  #open({ address, port }: RemoteInfo): UdpFlow | undefined {
    const listener = this.#listener
    // Port 0 can't be answered (RFC 768), and what seems to come from the listener itself is forged to make it talk to itself.
    if (port === 0 || (port === listener.port && address === listener.address)) return this.#drop('bad-source')
    if (!admits(listener.admit, clientAddress(address, listener.address))) return this.#drop('security-group')
    const target = this.#choose(address, port)
    if (target === undefined) return this.#drop('no-target')
    if (this.#sockets >= this.#flowLimit) this.#giveUpOne()
    let flow: UdpFlow
    try {
      flow = this.#connect(address, port, target)
    } catch (error) {
      this.#suspect(target, error as NodeJS.ErrnoException)
      return this.#drop('send-failed')
    }
    this.#flows.add(flow, this.#clock.monotonic())
    this.#newFlows++
    target.newFlows++
    target.activeFlows++
    return flow
  }

  #choose(source: string, sourcePort: number): UdpTarget | undefined {
    const { address, port } = this.#listener
    const flow: Flow = { protocol: 'UDP', source, sourcePort, destination: address, destinationPort: port }
    const chosen = this.#suspects.choose(this.#choice, flow)
    return chosen && this.#targets.get(chosen.target.key)
  }

  #connect(address: string, port: number, target: UdpTarget): UdpFlow {
    try {
      return new UdpFlow(address, port, target, this.#events)
    } catch (error) {
      if (this.#sockets === 0 || !exhausted.has((error as NodeJS.ErrnoException).code)) throw error
      this.#giveUpOne()
      return new UdpFlow(address, port, target, this.#events)
    }
  }

  readonly #events = {
    onReply: (flow: UdpFlow, datagram: Buffer): void => {
      const isFirst = flow.worth === 0
      if (!flow.hasLeft) this.#flows.touchReply(flow, this.#clock.monotonic())
      if (datagram.length > this.#maxReply) this.#drop('too-large')
      else if (this.#backlog?.isFull()) this.#drop('send-failed')
      else {
        // What bars replies (a firewall, a lost route) bars the first one too: checking that one is enough to have it counted.
        if (isFirst) this.#socket?.send(datagram, flow.port, flow.address, this.#onReplySent)
        else this.#socket?.send(datagram, flow.port, flow.address)
        this.#bytesOut += datagram.length
        flow.target.bytesOut += datagram.length
      }
    },
    onError: (flow: UdpFlow, error: NodeJS.ErrnoException): void => {
      this.#drop(error.code === 'ECONNREFUSED' ? 'refused' : 'send-failed')
      this.#suspect(flow.target, error)
      if (!this.#suspects.has(flow.target.key)) return
      const next = this.#choose(flow.address, flow.port)
      if (next !== undefined && !this.#suspects.has(next.key)) this.#end(flow)
    },
  }

  readonly #onReplySent = (error: Error | null): void => {
    if (error !== null) this.#drop('send-failed')
  }

  #suspect({ key }: UdpTarget, { code = '' }: NodeJS.ErrnoException): void {
    const reason = unreachable[code]
    if (reason !== undefined) this.#suspects.report(key, reason)
  }

  get #sockets(): number {
    return this.#flows.size + this.#leaving.length + this.#left.length
  }

  #sweep(): void {
    this.#closeLeft()
    const before = this.#clock.monotonic() - this.#listener.idleTimeoutMs
    for (let flow = this.#flows.expired(before); flow !== undefined; flow = this.#flows.expired(before)) this.#end(flow)
  }

  #giveUpOne(): void {
    const left = this.#left.pop() ?? this.#leaving.pop()
    if (left !== undefined) {
      left.close()
      return
    }
    const flow = this.#flows.dispensable()
    if (flow === undefined) return
    this.#drop('flow-limit')
    this.#end(flow)
  }

  #end(flow: UdpFlow): void {
    this.#forget(flow)
    flow.close()
  }

  #leave(flow: UdpFlow): void {
    this.#forget(flow)
    flow.leave()
    this.#leaving.push(flow)
  }

  #forget(flow: UdpFlow): void {
    this.#flows.remove(flow)
    flow.target.activeFlows--
  }

  #closeLeft(): void {
    for (const flow of this.#left) flow.close()
    this.#left = this.#leaving
    this.#leaving = []
  }

  #drop(reason: DropReason): undefined {
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1
  }
}
