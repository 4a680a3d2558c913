import { Conntrack } from '../flows/conntrack.ts'
import { type ConntrackEntry, statusDstNat } from '../flows/conntrack-entry.ts'
import { Marks } from '../marks.ts'
import { sluiceTables } from './sluice-tables.ts'
import { KernelTable } from './table.ts'

/**
 * Removes the table of this name and its flows, if it is there.
 * @returns how many listeners it served; `undefined`: it is not there
 * @throws as KernelTable.open: `EBUSY` where a living process has it
 */
export async function removeRemains(name: string): Promise<number | undefined> {
  const table = (await sluiceTables()).find(table => table.name === name)
  if (table === undefined) return undefined
  const listeners = await removeTable(name)
  if (table.number !== undefined) await removeFlows(table.number)
  return listeners
}

/**
 * Removes the table that a dead Sluice left. What is established goes on until its entries go (`removeFlows`).
 * @returns how many listeners it served
 * @throws as KernelTable.open: `EBUSY` where a living process has it
 */
export async function removeTable(name: string): Promise<number> {
  const table = await KernelTable.open({ name, log() {} })
  const listeners = ['listeners4', 'listeners6'].reduce((sum, set) => sum + table.elements(set).length, 0)
  table.destroy()
  return listeners
}

/**
 * Ends the flows whose marks begin with this number, and that some DNAT applies to.
 * @returns how many there were
 * @throws NetlinkError: `EPERM`
 */
export async function removeFlows(number: number): Promise<number> {
  const conntrack = await Conntrack.open()
  const { prefix, mask } = new Marks(number)
  const entries: ConntrackEntry[] = []
  await conntrack.each({ mark: prefix, mask }, entry => {
    if ((entry.status & statusDstNat) !== 0) entries.push(entry.kept())
  })
  await conntrack.delete(entries)
  await conntrack.close()
  return entries.length
}
