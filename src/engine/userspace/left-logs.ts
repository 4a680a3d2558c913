import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createGzip } from 'node:zlib'
import type { Cancel, Clock } from '../../clock.ts'
import { deliver, intervalMs, openLogs } from './log-path.ts'

/** Whoever lives has ended and delivered a file before it is this old. */
const leftMs = intervalMs + 60_000
/** A file that is being closed has this behind its name. */
const closing = '.closing'

interface LeftLogsOptions {
  /** The data directory. */
  readonly directory: string
  readonly clock: Clock
  /** One line for the operator. */
  log(line: string): void
}

/** Now and every five minutes delivers the logs that killed processes have left open. The answer ends it. */
export function deliverLeftLogs({ directory, clock, log }: LeftLogsOptions): Cancel {
  const told = new Set<string>()
  const tell = (what: string) => (error: Error) => {
    if (!told.has(what)) log(`${what} can't be closed (${error.message}), tried again every five minutes`)
    told.add(what)
  }
  let isBusy = false
  const deliverAll = async () => {
    if (isBusy) return
    isBusy = true
    const paths = await leftIn(join(directory, openLogs), clock.now()).catch(tell(openLogs))
    for (const path of paths ?? []) await close(directory, path).catch(tell(path))
    isBusy = false
  }
  void deliverAll()
  return clock.every(intervalMs, () => void deliverAll())
}

/** Paths below the folder. */
async function leftIn(folder: string, now: number): Promise<readonly string[]> {
  const left: string[] = []
  for (const path of await pathsIn(folder)) {
    // Its writer may have delivered it meanwhile.
    const status = await stat(join(folder, path)).catch(() => undefined)
    if (status?.isFile() && status.mtimeMs < now - leftMs) left.push(path)
  }
  return left
}

async function pathsIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries
      .filter(entry => entry.isFile())
      .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Writes anew what can be read of it: whole lines, in a file with its end. */
async function close(directory: string, path: string): Promise<void> {
  const file = join(directory, openLogs, path)
  if (path.endsWith(closing)) {
    await rm(file)
    return
  }
  let isEmpty = true
  await pipeline(
    createReadStream(file),
    createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }),
    (chunks: AsyncIterable<Buffer>) =>
      wholeLines(chunks, () => {
        isEmpty = false
      }),
    createGzip(),
    createWriteStream(file + closing, { mode: 0o600, flush: true }),
  )
  await rename(file + closing, file)
  if (isEmpty) await rm(file)
  else await deliver(directory, path)
}

async function* wholeLines(chunks: AsyncIterable<Buffer>, onLine: () => void): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of chunks) {
      const end = chunk.lastIndexOf('\n') + 1
      if (end === 0) {
        rest = Buffer.concat([rest, chunk])
        continue
      }
      onLine()
      yield Buffer.concat([rest, chunk.subarray(0, end)])
      rest = chunk.subarray(end)
    }
  } catch (error) {
    // What a power failure has torn ends here.
    if (!String((error as NodeJS.ErrnoException).code).startsWith('Z_')) throw error
  }
}
