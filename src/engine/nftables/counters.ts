import type { Snapshot } from '../../domain/snapshot.ts'
import { sumTargets } from '../counters.ts'
import type { DropReason, ListenerCounters, Observed, TargetCounters } from '../engine.ts'
import { listenerCounters } from './compile.ts'
import { guardCounter } from './guard-part.ts'
import type { Marks } from './marks.ts'
import { baseOf, listenerName, nameOfGroup } from './names.ts'
import type { Counters } from './table/table.ts'

const dropReasons: readonly (DropReason & keyof ReturnType<typeof listenerCounters>)[] = [
  'security-group',
  'no-target',
  'bad-source',
  'unknown-flow',
]

/** `Counters`, set by set: one of 10,000 elements takes 40 ms to read. */
interface Readings extends Pick<Counters, 'named'> {
  read(set: string): Promise<ReturnType<Counters['of']>>
}

/**
 * The table's counters as the snapshot's listeners and targets. Bytes are those of IP packets, headers included.
 *
 * @param flows active ones, by `SnapshotListener.id` and by mark
 */
export async function countersOf(
  { revision, listeners, groups, guards }: Snapshot,
  { named, read }: Readings,
  marks: Marks,
  flows: { readonly byListener: ReadonlyMap<string, number>; readonly byTarget: ReadonlyMap<number, number> },
): Promise<Observed> {
  /** By `PROTOCOL ADDRESS PORT`, as listeners' ids are. */
  const bytesOf = async (...sets: readonly string[]) => {
    const bytes = new Map<string, number>()
    for (const set of sets) {
      for (const { key, bytes: its } of await read(set))
        bytes.set(`${String(key[1]).toUpperCase()} ${key[0]} ${key[2]}`, its)
    }
    return bytes
  }
  const bytesIn = await bytesOf('listener-in4', 'listener-in6')
  const bytesOut = await bytesOf('listener-out4', 'listener-out6')
  const packets = (name: string) => named.get(name)?.packets ?? 0
  const ofListeners = listeners.map((listener): ListenerCounters => {
    const { id, listenerArn } = listener
    const names = listenerCounters(listenerName(listener))
    const drops: Partial<Record<DropReason, number>> = {}
    for (const reason of dropReasons) {
      const count = packets(names[reason])
      if (count > 0) drops[reason] = count
    }
    return {
      listener: id,
      listenerArn,
      newFlows: packets(names.flows) - packets(names['no-target']),
      activeFlows: flows.byListener.get(id) ?? 0,
      bytesIn: bytesIn.get(id) ?? 0,
      bytesOut: bytesOut.get(id) ?? 0,
      drops,
    }
  })

  const byMark = async (set: string) => {
    return new Map([...(await read(set))].map(count => [Number(count.key[0]), count]))
  }
  const opened = await byMark('target-flows')
  const into = await byMark('target-in')
  const out = await byMark('target-out')
  const refused = await byMark('target-refused')
  const protocols = new Map(listeners.flatMap(({ route, protocol }) => route.map(({ group }) => [group, protocol])))
  const countsOf = (target: string, mark: number): TargetCounters => ({
    target,
    newFlows: opened.get(mark)?.packets ?? 0,
    activeFlows: flows.byTarget.get(mark) ?? 0,
    bytesIn: into.get(mark)?.bytes ?? 0,
    bytesOut: out.get(mark)?.bytes ?? 0,
    refused: refused.get(mark)?.packets ?? 0,
  })
  const ofTargets: TargetCounters[] = []
  const names = new Set<string>()
  const keys = new Map<string, string>()
  for (const group of groups) {
    const protocol = protocols.get(group.id)
    if (protocol === undefined) continue
    const name = nameOfGroup(group, protocol)
    names.add(name)
    for (const { key, address, port } of group.targets) {
      ofTargets.push(countsOf(key, marks.ofTarget(name, address, port)))
      keys.set(`${baseOf(name)} ${address} ${port}`, key)
    }
  }
  // Flows of a view that is gone since zones were joined or parted go on at their targets.
  for (const { mark, group, address, port } of marks.targets()) {
    const key = names.has(group) ? undefined : keys.get(`${baseOf(group)} ${address} ${port}`)
    if (key !== undefined) ofTargets.push(countsOf(key, mark))
  }
  return {
    revision,
    listeners: ofListeners,
    targets: [...sumTargets(ofTargets).values()],
    guards: guards.map(guard => ({ id: guard.id, address: guard.address, dropped: packets(guardCounter(guard)) })),
  }
}
