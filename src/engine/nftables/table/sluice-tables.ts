import type { Clock } from '../../../clock.ts'
import { type TableName, tablePrefix } from '../names.ts'
import { Netlink } from '../netlink/netlink.ts'
import { type FoundTable, findTables } from './read-table.ts'
import { KernelTable } from './table.ts'

/** A Sluice's table, as any process finds it: what is not its name is in its comment. */
export interface SluiceTable extends Pick<FoundTable, 'name' | 'owner' | 'isPersistent'> {
  /** What its marks begin with; `undefined` where its maker's kernel kept no comments (before 5.10). */
  readonly number: number | undefined
  /** `undefined` where the path was too long for a comment. */
  readonly dataDir: string | undefined
}

/**
 * The tables of all Sluices of this network namespace, dead ones among them.
 * @throws NetlinkError: `EPERM`; `ENOSYS` where there is no netlink
 */
export async function sluiceTables(): Promise<readonly SluiceTable[]> {
  const netlink = await Netlink.open()
  try {
    return findTables(netlink)
      .filter(({ name }) => name.startsWith(tablePrefix))
      .map(({ name, owner, isPersistent, comment = '' }) => {
        const [, number, dataDir] = commentPattern.exec(comment) ?? []
        return { name, owner, isPersistent, number: number === undefined ? undefined : parseInt(number, 16), dataDir }
      })
  } finally {
    netlink.close()
  }
}

/** The names of other Sluices' tables, dead ones among them; `undefined` where this process may not look, or can't. */
export async function neighborsOf({ name }: TableName): Promise<readonly string[] | undefined> {
  try {
    return (await sluiceTables()).map(table => table.name).filter(its => its !== name)
  } catch {
    return undefined
  }
}

/**
 * Takes over this Sluice's table, or makes it; and says what its marks begin with. The process that had it may be about to end
 * (its supervisor was killed, and another one started): that is waited for.
 * @throws as KernelTable.open
 */
export async function openSluiceTable(
  wanted: TableName,
  { clock, log }: { readonly clock: Clock; log(line: string): void },
): Promise<{ readonly table: KernelTable; readonly number: number }> {
  const number = freeNumber(wanted, await sluiceTables())
  const comment = tableComment({ ...wanted, number })
  for (const deadline = clock.monotonic() + patienceMs; ; ) {
    try {
      return { table: await KernelTable.open({ name: wanted.name, comment, log }), number }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || clock.monotonic() >= deadline) throw error
      await new Promise<void>(resolve => clock.after(againMs, resolve))
    }
  }
}

/** `marks 0x2a000000/8 of /var/lib/sluice`, as nft shows it with the table. */
export function tableComment({ number, dataDir }: Pick<TableName, 'number' | 'dataDir'>): string {
  const marks = `marks 0x${number.toString(16).padStart(2, '0')}000000/8`
  const comment = `${marks} of ${dataDir}`
  return dataDir !== undefined && Buffer.byteLength(comment) <= longestComment ? comment : marks
}

/**
 * What this Sluice's marks are to begin with: as its table says, else the number that goes with its name, or the next one that
 * no other Sluice here has.
 */
export function freeNumber({ name, number }: TableName, tables: readonly SluiceTable[]): number {
  const own = tables.find(table => table.name === name)?.number
  if (own !== undefined) return own
  const taken = new Set(tables.map(table => table.number))
  let free = number
  for (let n = 0; n < mostNumbers && taken.has(free); n++) free = (free % mostNumbers) + 1
  return free
}

const patienceMs = 3_000
const againMs = 50
const commentPattern = /^marks 0x([0-9a-f]{2})000000\/8(?: of (.*))?$/
/** nft shows no longer one (NFTNL_UDATA_COMMENT_MAXLEN, with the zero at its end). */
const longestComment = 127
const mostNumbers = 254
