/** What the tasks of versioned-web.ts have been asked, all of them together. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export class Seen {
  readonly #file: string
  /** For the tasks. */
  readonly environment: { readonly SEEN: string }

  /** @param directory ours; everybody may enter it from now on, for tasks are not run as root */
  constructor(directory: string) {
    this.#file = join(directory, 'seen')
    this.environment = { SEEN: this.#file }
    writeFileSync(this.#file, '')
    chmodSync(directory, 0o755)
    chmodSync(this.#file, 0o666)
  }

  /** How many requests came to a target, and how many of them more than once. */
  count(): { readonly requests: number; readonly repeated: number } {
    const numbers = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)
    const requests = new Set(numbers).size
    return { requests, repeated: numbers.length - requests }
  }
}
