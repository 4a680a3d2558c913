import { constants, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { replaceFile } from '../durable-file.ts'

/** Even a small file takes so many characters of changes before it is written anew. */
const leastRoom = 64 * 1024

/**
 * A file of messages, one JSON text a line: a whole first, then what changed since. So saving a change takes as long as the
 * change is large, whatever the whole is. When the changes are as long as the whole, it is written anew.
 */
export class MessageFile {
  readonly #path: string
  /** Characters of changes that may be added; 0 where the file's end is not known to be a line's. */
  #room = 0

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Every message in order, none where there is no file. Half a line at the end is left out: a crash came between. Throws the
   * system's error where the file cannot be read.
   */
  read(): readonly string[] {
    try {
      const [whole = '', ...rest] = readFileSync(this.#path, 'utf8').split('\n')
      return [whole, ...rest.slice(0, -1)]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  /** Adds `change()`, or puts `whole()` in place of everything. After any crash the file holds what it held, or this. */
  async save(whole: () => object, change: () => object): Promise<void> {
    const line = this.#room > 0 ? `${JSON.stringify(change())}\n` : ''
    const room = this.#room - line.length
    this.#room = 0
    if (room > 0) {
      await append(this.#path, line)
      this.#room = room
    } else {
      const text = `${JSON.stringify(whole())}\n`
      await replaceFile(this.#path, text)
      this.#room = Math.max(text.length, leastRoom)
    }
  }
}

/** Not to a file that is not there any more: a change without the whole would be of no use. */
async function append(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
