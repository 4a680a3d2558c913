/** What containers wrote that are gone: `tasks/ID.log` in the data directory, for an hour at least, as their tasks are shown. */
import { mkdir, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'

const keptMs = 3_600_000

export class PastLogs {
  readonly #directory: string
  readonly #clock: Clock
  readonly #log: (line: string) => void

  constructor({ dataDir, clock, log }: { dataDir: string; clock: Clock; log(line: string): void }) {
    this.#directory = join(dataDir, 'tasks')
    this.#clock = clock
    this.#log = log
  }

  /** That it cannot be kept is said, and no reason to keep the container. */
  async keep(id: string, output: Buffer): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 })
      await this.#removeOld()
      await writeFile(this.#path(id), output, { mode: 0o600 })
    } catch (error) {
      this.#log(`the output of task ${id} is lost: ${(error as Error).message}`)
    }
  }

  /** The newest bytes; `undefined`: there is no log of it. */
  async read(id: string, bytes: number): Promise<Buffer | undefined> {
    const file = await open(this.#path(id)).catch(() => undefined)
    if (file === undefined) return undefined
    try {
      const { size } = await file.stat()
      const newest = Buffer.alloc(Math.min(size, bytes))
      const { bytesRead } = await file.read(newest, 0, newest.length, size - newest.length)
      return newest.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }

  async #removeOld(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name)
      if (!name.endsWith('.log')) continue
      // Tasks end together, and another one's end may have removed it.
      const found = await stat(path).catch(unlessGone)
      if (found !== undefined && this.#clock.now() - found.mtimeMs > keptMs) await rm(path, { force: true })
    }
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.log`)
  }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
