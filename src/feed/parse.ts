import { tableNames } from '../domain/state.ts'
import { type Desired, type Instruction, nodeTables, type Report } from './messages.ts'

/*
 * Both ends are of one version and trust each other, so this looks at the envelope only: enough that no line, whatever it
 * holds, can put anything but records into tables.
 */

/** Throws where `text` is not desired state. A table that is missing (an older version's file) is an empty one. */
export function parseDesired(text: string): Desired {
  const message: unknown = JSON.parse(text)
  if (isObject(message) && isRevision(message.revision)) {
    const { kind, tables, changes } = message
    if (kind === 'state' && isObject(tables) && nodeTables.every(name => isList(tables[name] ?? [], isRecord))) {
      return message as Desired
    }
    if (kind === 'changes' && isList(changes, isChange)) return message as Desired
  }
  throw new Error('not a message of desired state')
}

/** Throws where `text` is no instruction. */
export function parseInstruction(text: string): Instruction {
  return text === '{"kind":"count"}' ? { kind: 'count' } : parseDesired(text)
}

/** Throws where `text` is not a report. */
export function parseReport(text: string): Report {
  const message: unknown = JSON.parse(text)
  if (isObject(message)) {
    const {
      kind,
      whole,
      health,
      revision,
      problems,
      fallbacks,
      held,
      delayed,
      links,
      listeners,
      targets,
      guards,
      flowTable,
    } = message
    if (kind === 'health' && typeof whole === 'boolean' && isList(health, isHealth)) return message as Report
    const isApplied = kind === 'applied' && isRevision(revision)
    if (isApplied && [problems, fallbacks, held, delayed, links].every(list => isList(list ?? [], isObject)))
      return message as Report
    const isCounters = kind === 'counters' && isList(listeners, isObject) && isList(targets, isObject)
    if (isCounters && isList(guards ?? [], isObject) && isObject(flowTable ?? {})) return message as Report
  }
  throw new Error('not a report')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isRevision(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isList(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem)
}

function isRecord(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && isObject(value[1])
}

function isHealth(value: unknown): boolean {
  return Array.isArray(value) && typeof value[0] === 'string' && (value[1] === null || isRecord(value))
}

function isChange(value: unknown): boolean {
  if (!isObject(value) || typeof value.key !== 'string') return false
  return tableNames.some(name => name === value.table) && (value.value === undefined || isObject(value.value))
}
