import { mkdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LogPlace } from '../../domain/snapshot-http.ts'

export type LogKind = 'access' | 'connection'

/** A file has the entries of five minutes (AWS: Access log files). */
export const intervalMs = 300_000

/** The end of the interval that `time` is in, milliseconds since the epoch. */
export function intervalEnd(time: number): number {
  return (Math.floor(time / intervalMs) + 1) * intervalMs
}

/**
 * Where a log is written until it is whole, below `openLogs`: the path that it gets, without the date's folders (AWS: Access log
 * files, Connection log files). No name of a bucket and no prefix leads out of that folder.
 *
 * @param node the address of the load balancer's node that the entries are of
 * @param endsAt `intervalEnd` of the entries
 * @param random tells it from others of the same node and interval
 */
export function openLogPath(kind: LogKind, place: LogPlace, node: string, endsAt: number, random: string): string {
  const { bucket, prefix, account, region, loadBalancer } = place
  const end = `${new Date(endsAt).toISOString().slice(0, 16).replaceAll(/[-:]/g, '')}Z`
  const name = `${account}_elasticloadbalancing_${region}_${loadBalancer}_${end}_${node}_${random}.log.gz`
  return join(
    folder(bucket),
    ...prefix
      .split('/')
      .filter(part => part !== '')
      .map(folder),
    'AWSLogs',
    account,
    'elasticloadbalancing',
    region,
    kind === 'access' ? name : `conn_log.${name}`,
  )
}

/** The folder of logs that are not whole yet, in the data directory. */
export const openLogs = 'open-logs'

/** Puts a whole log, `path` below `openLogs`, where its readers look for it. @throws the system's error */
export async function deliver(directory: string, path: string): Promise<void> {
  const [, year = '', month = '', day = ''] = /_(\d{4})(\d\d)(\d\d)T\d{4}Z_[^_]+_[^_]+$/.exec(path) ?? []
  const folder = join(directory, 'buckets', dirname(path), year, month, day)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await rename(join(directory, openLogs, path), join(folder, basename(path)))
}

/** One folder that `ls` shows, whatever the name is. */
function folder(name: string): string {
  const plain = name.replaceAll(/[/\p{Cc}]/gu, '_')
  return plain === '' || plain.startsWith('.') ? `_${plain}` : plain
}
