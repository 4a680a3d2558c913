const newline = 0x0a

/** Cuts a stream of bytes into lines. */
export class Lines {
  readonly #longest: number
  #parts: Buffer[] = []
  #length = 0

  /** `longest`: the bytes that a line may have. */
  constructor(longest: number) {
    this.#longest = longest
  }

  /** The lines that `bytes` completes, without their ends. Throws when a line is too long. */
  *push(bytes: Buffer): Generator<string> {
    let start = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      this.#add(bytes.subarray(start, end))
      start = end + 1
      const line = Buffer.concat(this.#parts, this.#length).toString()
      this.#parts = []
      this.#length = 0
      yield line
    }
    this.#add(bytes.subarray(start))
  }

  #add(part: Buffer): void {
    this.#length += part.length
    if (this.#length > this.#longest) throw new Error(`a line of more than ${this.#longest} bytes`)
    if (part.length > 0) this.#parts.push(part)
  }
}
