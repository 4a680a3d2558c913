import type { Alarm } from '../domain/alarm.ts'
import { type Datapoint, statisticOf } from '../domain/metric.ts'

export type Verdict = Pick<Alarm, 'state' | 'stateReason'>

/**
 * What an alarm says of its last `evaluationPeriods` periods, newest first; `undefined`: it stays as it is (AWS: Using Amazon
 * CloudWatch alarms, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data"). Datapoints that are
 * missing count as `treatMissingData` says. With `missing` and `ignore` the ones that are there decide: enough of them
 * breaching is ALARM; one that is not breaching, among too few that are, is OK. Where all are breaching and too few, it is ALARM
 * with `missing` as soon as the oldest one is `datapointsToAlarm` periods old. AWS would also look a few periods further back.
 */
export function evaluate(alarm: Alarm, periods: readonly (Datapoint | undefined)[]): Verdict | undefined {
  const { datapointsToAlarm: needed, treatMissingData } = alarm
  const values = periods.map(datapoint => datapoint && statisticOf(alarm.statistic, datapoint))
  const isBreaching = values.map(value => value !== undefined && breaches(alarm, value))
  const present = values.filter(value => value !== undefined).length
  const missing = values.length - present
  const breaching = isBreaching.filter(Boolean).length
  if (missing > 0 && (treatMissingData === 'breaching' || treatMissingData === 'notBreaching')) {
    const isAlarm = breaching + (treatMissingData === 'breaching' ? missing : 0) >= needed
    const state = isAlarm ? 'ALARM' : 'OK'
    return { state, stateReason: present === 0 ? missingText(alarm, missing) : crossedText(alarm, periods, isAlarm) }
  }
  if (breaching >= needed) return { state: 'ALARM', stateReason: crossedText(alarm, periods, true) }
  if (breaching < present) return { state: 'OK', stateReason: crossedText(alarm, periods, false) }
  if (treatMissingData === 'ignore') return undefined
  if (present === 0) return { state: 'INSUFFICIENT_DATA', stateReason: insufficientText(missing) }
  const isOld = isBreaching.lastIndexOf(true) + 1 >= needed
  return isOld ? { state: 'ALARM', stateReason: crossedText(alarm, periods, true) } : undefined
}

function breaches({ comparison, threshold }: Alarm, value: number): boolean {
  if (comparison === 'GreaterThanThreshold') return value > threshold
  if (comparison === 'GreaterThanOrEqualToThreshold') return value >= threshold
  return comparison === 'LessThanThreshold' ? value < threshold : value <= threshold
}

const comparisons: Readonly<Record<Alarm['comparison'], string>> = {
  GreaterThanThreshold: 'greater than',
  GreaterThanOrEqualToThreshold: 'greater than or equal to',
  LessThanThreshold: 'less than',
  LessThanOrEqualToThreshold: 'less than or equal to',
}

/**
 * `Threshold Crossed: 1 out of the last 1 datapoints [2.0 (01/01/26 00:00:00)] was greater than the threshold (1.0) (minimum
 * 1 datapoint for OK -> ALARM transition).`
 */
function crossedText(alarm: Alarm, periods: readonly (Datapoint | undefined)[], isAlarm: boolean): string {
  const { threshold, datapointsToAlarm, evaluationPeriods, comparison } = alarm
  const told = periods.filter(datapoint => {
    return datapoint !== undefined && breaches(alarm, statisticOf(alarm.statistic, datapoint)) === isAlarm
  }) as readonly Datapoint[]
  if (told.length === 0) return missingText(alarm, periods.filter(datapoint => datapoint === undefined).length)
  const list = told
    .map(datapoint => `${decimal(statisticOf(alarm.statistic, datapoint))} (${timeOf(datapoint.at)})`)
    .join(', ')
  const needed = isAlarm ? datapointsToAlarm : evaluationPeriods - datapointsToAlarm + 1
  const was = `${told.length === 1 ? 'was' : 'were'}${isAlarm ? '' : ' not'} ${comparisons[comparison]}`
  return (
    `Threshold Crossed: ${told.length} out of the last ${evaluationPeriods} datapoints [${list}] ${was} the threshold ` +
    `(${decimal(threshold)}) (minimum ${needed} ${plural(needed, 'datapoint')} for ` +
    `${isAlarm ? 'OK -> ALARM' : 'ALARM -> OK'} transition).`
  )
}

function missingText({ treatMissingData }: Alarm, missing: number): string {
  const as = treatMissingData === 'breaching' ? 'Breaching' : 'NonBreaching'
  return (
    `Threshold Crossed: no datapoints were received for ${missing} ${plural(missing, 'period')} and ${missing} missing ` +
    `${plural(missing, 'datapoint')} ${missing === 1 ? 'was' : 'were'} treated as [${as}].`
  )
}

function insufficientText(missing: number): string {
  return `Insufficient Data: ${missing} ${plural(missing, 'datapoint')} ${missing === 1 ? 'was' : 'were'} unknown.`
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`
}

/** As Java writes a double, in whose words AWS speaks. */
function decimal(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}

/** `01/08/26 21:15:00`: day, month, year. */
function timeOf(at: number): string {
  const [, year, month, day, time] = /^\d\d(\d\d)-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)/.exec(new Date(at).toISOString()) ?? []
  return `${day}/${month}/${year} ${time}`
}
