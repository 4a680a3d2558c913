import { admits, admittedBy, clientAddress } from './admission.ts'
import { Choice, type Flow, type Trace } from './choice.ts'
import { addressFamily, canonicalAddress } from './cidr.ts'
import { groupsById, type Snapshot, type SnapshotGuard, type SnapshotListener } from './snapshot.ts'

/** What a snapshot says of a flow that is new, step by step; steps after the one that ends it are absent. */
export interface Explanation {
  readonly flow: Flow
  readonly listener?: SnapshotListener
  /** True where the client claims the listener's own address and port: no answer could ever reach it. */
  readonly isItself?: boolean
  readonly admission?: {
    readonly isAdmitted: boolean
    /** The client as security groups see it. */
    readonly client: string
    /** The range that admits it; absent where the load balancer has no security groups. */
    readonly cidr?: string
  }
  /** Absent where no group has a weight, and for HTTP, where each request has its own; without a target where nobody serves. */
  readonly choice?: Trace
  /** The target's own security groups, where it is an instance that has some. */
  readonly guard?: {
    readonly id: string
    readonly isAdmitted: boolean
    /** The range that admits the flow; absent for one that is admitted because it came through the listener. */
    readonly cidr?: string
  }
}

/** Explains what becomes of a new flow. Pure: the same snapshot and flow, the same answer, in every process. */
export function explain(snapshot: Snapshot, flow: Flow): Explanation {
  const { protocol, source, destination } = flow
  const id = `${protocol} ${destination} ${flow.destinationPort}`
  const listener = snapshot.listeners.find(listener => listener.id === id)
  if (listener === undefined) return { flow }
  if (source === destination && flow.sourcePort === flow.destinationPort) return { flow, listener, isItself: true }

  const client = clientAddress(source, destination)
  const range = listener.admit && admittedBy(listener.admit, client)
  const isAdmitted = admits(listener.admit, client)
  const admission = { isAdmitted, client, ...range }
  if (!isAdmitted) return { flow, listener, admission }

  if (listener.http !== undefined) return { flow, listener, admission }

  const choice = new Choice(listener, groupsById(snapshot.groups)).trace(flow)
  if (choice?.target === undefined) return { flow, listener, admission, ...(choice && { choice }) }

  const guard = snapshot.guards.find(({ address }) => address === choice.target?.address)
  // Without client IP preservation the target sees a connection of the load balancer's.
  const seen = choice.group.preserveClientIp ? source : destination
  return {
    flow,
    listener,
    admission,
    choice,
    ...(guard && { guard: guarded(guard, listener, choice.target.port, seen) }),
  }
}

/** The flow as a user writes it, `10.9.0.2:5555` or `[::1]:80` for each end; `undefined` where it is none. */
export function parseFlow(protocol: string, from: string, to: string): Flow | undefined {
  const [source, destination] = [parseEndpoint(from), parseEndpoint(to)]
  const name = protocol.toUpperCase()
  if ((name !== 'TCP' && name !== 'UDP') || source === undefined || destination === undefined) return undefined
  if (addressFamily(source.address) !== addressFamily(destination.address)) return undefined
  return {
    protocol: name,
    source: source.address,
    sourcePort: source.port,
    destination: destination.address,
    destinationPort: destination.port,
  }
}

function parseEndpoint(text: string): { readonly address: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const address = canonicalAddress(bracketed ?? plain ?? '')
  const port = Number(digits)
  if (address === undefined || address.includes(':') !== (bracketed !== undefined)) return undefined
  return port >= 1 && port <= 65_535 ? { address, port } : undefined
}

function guarded(
  { id, rules }: SnapshotGuard,
  listener: SnapshotListener,
  port: number,
  source: string,
): NonNullable<Explanation['guard']> {
  for (const { protocol, fromPort, toPort, cidrs, through } of rules) {
    const concerns = protocol === 'ALL' || (protocol === listener.protocol && fromPort <= port && port <= toPort)
    if (!concerns) continue
    if (through.includes(listener.id)) return { id, isAdmitted: true }
    const range = admittedBy(
      cidrs.map(cidr => ({ cidr })),
      source,
    )
    if (range !== undefined) return { id, isAdmitted: true, cidr: range.cidr }
  }
  return { id, isAdmitted: false }
}
