/** What the kernel benches share: hosts around a balancer, this process on the balancer, and in it the kernel engine. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock } from '../../src/clock.ts'
import type { SnapshotGroup, SnapshotListener, SnapshotTarget } from '../../src/domain/snapshot.ts'
import type { KernelEngine, Suspicion } from '../../src/engine/engine.ts'
import { openNftablesEngine } from '../../src/engine/nftables/engine.ts'
import { tableOf } from '../../src/engine/nftables/names.ts'
import { Sysctl } from '../../src/engine/nftables/sysctl.ts'
import { enterNetwork } from '../../test/own-network.ts'
import { buildTopology, type Topology } from './namespaces.ts'

/** A listener with one target group of its own. */
export interface Service {
  readonly protocol: 'TCP' | 'UDP'
  readonly address: string
  readonly port: number
  readonly targets: readonly {
    readonly address: string
    readonly port: number
    readonly mode?: SnapshotTarget['mode']
  }[]
  /** CIDRs; without it, everyone. */
  readonly admit?: readonly string[]
  readonly idleSeconds?: number
  readonly preserveClientIp?: boolean
  readonly synproxy?: boolean
}

export interface KernelStage extends Topology {
  readonly engine: KernelEngine
  /** What the engine told the operator. */
  readonly lines: readonly string[]
  /** The name of its table. */
  readonly table: string
  readonly suspicions: readonly Suspicion[]
  /** Serves these and nothing else; throws where the kernel can't. */
  serve(...services: readonly Service[]): Promise<void>
  end(): Promise<void>
}

/** The topology of `buildTopology`, with IPv6; this process stays on the balancer. Needs root. */
export async function openKernelStage(targetCount: number): Promise<KernelStage> {
  const topology = buildTopology(targetCount, { ipv6: true })
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const lines: string[] = []
  const suspicions: Suspicion[] = []
  const log = (line: string) => lines.push(line)
  const table = tableOf(directory)
  let engine: KernelEngine
  try {
    enterNetwork(topology.balancer.name)
    engine = await openNftablesEngine({
      table,
      clock,
      sysctl: new Sysctl({ directory, maySet: true, log }),
      isComplete: () => true,
      onSuspicion: suspicion => suspicions.push(suspicion),
      onProblems() {},
      log,
    })
  } catch (error) {
    topology.close()
    throw error
  }
  let revision = 0
  return {
    ...topology,
    engine,
    lines,
    suspicions,
    table: table.name,
    async serve(...services) {
      const listeners = services.map(listenerOf)
      const groups = services.map(groupOf)
      const snapshot = { revision: ++revision, listeners, groups, guards: [] }
      await engine.prepare(snapshot)
      const byId = new Map(groups.map(group => [group.id, group]))
      const refused = listeners.map(listener => engine.refusal(listener, byId)).find(reason => reason !== undefined)
      const { problems } = await engine.apply(snapshot)
      const why = refused ?? problems[0]?.reason
      if (why !== undefined) throw new Error(why)
    },
    async end() {
      await engine.close(0).finally(() => topology.close())
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function nameOf({ protocol, address, port }: Service): string {
  return `${protocol} ${address} ${port}`
}

function listenerOf(service: Service): SnapshotListener {
  const { protocol, address, port, synproxy = false, idleSeconds = protocol === 'TCP' ? 350 : 120 } = service
  const id = nameOf(service)
  const route = [{ group: id, weight: 1 }]
  const idleTimeoutMs = 1_000 * idleSeconds
  const admit = service.admit?.map(cidr => ({ cidr }))
  return { id, listenerArn: id, protocol, address, port, admit, route, idleTimeoutMs, synproxy }
}

function groupOf(service: Service): SnapshotGroup {
  const { targets, preserveClientIp = true } = service
  return {
    id: nameOf(service),
    targets: targets.map(target => ({ mode: 'serve', ...target, key: `${nameOf(service)} ${target.address}` })),
    sticky: false,
    proxyProtocol: false,
    preserveClientIp,
  }
}
