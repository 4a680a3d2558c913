import { createHash } from 'node:crypto'
import type { SnapshotGroup, SnapshotGuard, SnapshotListener } from '../../domain/snapshot.ts'

/**
 * Names in the kernel, for people who read `nft list ruleset`. nft takes letters, digits and `/ \ _ . -`, a letter first, so
 * that an IPv6 address is spelled with dashes.
 */

/** A Sluice's own in the kernel. */
export interface TableName {
  /** `sluice-1f0c93ab` */
  readonly name: string
  /** What its marks begin with unless another Sluice's do, 1 ... 254. */
  readonly number: number
  /** Absolute; for whoever lists the tables. */
  readonly dataDir?: string
}

/** The table of the Sluice with this data directory. */
export function tableOf(dataDir: string): TableName {
  const hash = createHash('sha256').update(dataDir).digest()
  return { name: `${tablePrefix}${hash.toString('hex', 0, 4)}`, number: 1 + (hash.readUInt32BE(4) % 254), dataDir }
}

/** How every Sluice's table begins. */
export const tablePrefix = 'sluice-'

/** `udp/10.9.0.1/8080`, `tcp/fd53-4c55--1/443` */
export function listenerName({
  protocol,
  address,
  port,
}: Pick<SnapshotListener, 'protocol' | 'address' | 'port'>): string {
  return `${protocol.toLowerCase()}/${address.replaceAll(':', '-')}/${port}`
}

/** `groupName` of a group as it is in a snapshot, which is asked for at every change of any. */
export function nameOfGroup(group: SnapshotGroup, protocol: SnapshotListener['protocol']): string {
  const known = groupNames.getOrInsertComputed(group, () => ({}))
  known[protocol] ??= groupName(group.id, protocol)
  return known[protocol]
}

const groupNames = new WeakMap<SnapshotGroup, { TCP?: string; UDP?: string }>()

/** `tg/web/50dc6c495c0c9188/udp/local-1a`, from `SnapshotGroup.id`; `all` is the view of a group across zones. `protocol` counts where the id has none. */
export function groupName(id: string, protocol: SnapshotListener['protocol']): string {
  const parts = /^arn:[^ ]*:targetgroup\/([\w-]+)\/(\w+) (TCP|UDP) ([\w-]+|\*)$/.exec(id)
  const [, name = '', hex = '', its = '', zone = ''] = parts ?? [
    '',
    id.replaceAll(/[^\w.-]/g, '-'),
    createHash('sha256').update(id).digest('hex').slice(0, 16),
    protocol,
    '*',
  ]
  return `tg/${name}/${hex}/${its.toLowerCase()}/${zone === '*' ? 'all' : zone}`
}

/** What the names of a target group's views, one for each zone or one across them, have in common: `tg/web/50dc6c495c0c9188/udp/`. */
export function baseOf(group: string): string {
  return group.slice(0, group.lastIndexOf('/') + 1)
}

/** `tcp` or `udp`, of a `groupName`. */
export function protocolOf(group: string): string {
  return group.split('/')[3] ?? ''
}

/** `sg/i-0123456789abcdef0`, with the address's family where an instance has two. */
export function guardName({ id, address }: Pick<SnapshotGuard, 'id' | 'address'>): string {
  return address.includes(':') ? `sg/${id}/ipv6` : `sg/${id}`
}
