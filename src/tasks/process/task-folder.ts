/** What is kept of a task in `tasks/ID`: `task.json`, and what it wrote in `output.log`. */
import {
  chownSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Place } from '../runtime.ts'
import type { ProcessIdentity } from './process-table.ts'

/** What the next runtime has to know of a task. */
export interface TaskRecord {
  /** `family:revision`, for people who look. */
  readonly name: string
  readonly stopTimeoutMs: number
  readonly place?: Place
  readonly process?: ProcessIdentity
  /** Milliseconds since the epoch, as the next. */
  readonly startedAt?: number
  readonly endedAt?: number
}

/** Of one file of output; there is one older than that. */
export const outputLimit = 10 * 2 ** 20

/** Folders of tasks below a data directory. */
export class TaskFolders {
  readonly #parent: string
  readonly #limit: number

  constructor(dataDir: string, limit = outputLimit) {
    this.#parent = join(dataDir, 'tasks')
    this.#limit = limit
  }

  ids(): readonly string[] {
    try {
      return readdirSync(this.#parent).filter(isTaskId)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      // No task was ever here.
      return []
    }
  }

  record(id: string): TaskRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.#path(id, 'task.json'), 'utf8'))
    } catch {
      return undefined
    }
  }

  /**
   * Makes the folder where it is missing. In the same turn as what it records, so that a death of ours leaves no gap; not
   * synced, because what it tells of dies with the machine.
   */
  keep(id: string, record: TaskRecord): void {
    mkdirSync(this.#path(id), { recursive: true, mode: 0o700 })
    writeFileSync(this.#path(id, 'task.json.new'), JSON.stringify(record), { mode: 0o600 })
    renameSync(this.#path(id, 'task.json.new'), this.#path(id, 'task.json'))
  }

  remove(id: string): void {
    rmSync(this.#path(id), { recursive: true, force: true })
  }

  /** A file descriptor to append to, for whoever runs the task: some programs open /dev/stdout anew. */
  openOutput(id: string, user: { readonly uid: number; readonly gid: number } | undefined): number {
    const fd = openSync(this.#path(id, 'output.log'), 'a', 0o600)
    if (user !== undefined) chownSync(this.#path(id, 'output.log'), user.uid, user.gid)
    return fd
  }

  /** The newest output, `bytes` at most; `undefined`: nothing is known of the task. */
  output(id: string, bytes: number): Buffer | undefined {
    if (!isTaskId(id)) return undefined
    const newest = tail(this.#path(id, 'output.log'), bytes)
    if (newest === undefined || newest.length >= bytes) return newest
    const older = tail(this.#path(id, 'output.log.1'), bytes - newest.length)
    return older === undefined ? newest : Buffer.concat([older, newest])
  }

  /**
   * Starts the file anew where it is over its limit. What the process writes between the copy and the cut is lost: it has the file
   * open and appends, and nobody stands between, who would have to live as long as it.
   */
  rotate(id: string): void {
    const path = this.#path(id, 'output.log')
    const fd = openSync(path, 'r+')
    try {
      if (fstatSync(fd).size <= this.#limit) return
      try {
        writeFileSync(`${path}.1`, tail(path, this.#limit) ?? '', { mode: 0o600 })
      } finally {
        // Also where the disk is full: else the task keeps it so.
        ftruncateSync(fd)
      }
    } finally {
      closeSync(fd)
    }
  }

  #path(id: string, ...rest: readonly string[]): string {
    return join(this.#parent, id, ...rest)
  }
}

/** Ids come from requests, too, and are part of a path. */
function isTaskId(id: string): boolean {
  return /^[0-9a-f]{32}$/.test(id)
}

function tail(path: string, bytes: number): Buffer | undefined {
  try {
    const fd = openSync(path, 'r')
    try {
      const { size } = fstatSync(fd)
      const buffer = Buffer.alloc(Math.min(size, bytes))
      return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, size - buffer.length))
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}
