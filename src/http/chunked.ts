import { resemblesFraming } from './classify.ts'
import { Field, FieldLines } from './head.ts'
import { type HeadLimits, HeadReader } from './head-reader.ts'
import { hexValues, valueOctets } from './octets.ts'

/** Who gets a chunked body's content. */
export interface BodyEvents {
  onBody(bytes: Buffer): void
}

/** Longest line of a chunk's size with its extensions, which nobody uses, bytes. */
const sizeLineLimit = 1_024

const State = {
  size: 0,
  extension: 1,
  sizeEnd: 2,
  data: 3,
  dataReturn: 4,
  dataEnd: 5,
  trailers: 6,
  done: 7,
  bad: 8,
} as const

/** Decodes chunked bodies (RFC 9112 section 7.1), whatever pieces they come in; nothing of them is kept but a trailer section. */
export class ChunkedBody {
  readonly #events: BodyEvents
  readonly #trailers: TrailerReader
  #state: (typeof State)[keyof typeof State] = State.size
  #size = 0
  #digits = 0
  #lineLength = 0

  constructor(events: BodyEvents, trailerLimits: HeadLimits) {
    this.#events = events
    this.#trailers = new TrailerReader(trailerLimits)
  }

  get isDone(): boolean {
    return this.#state === State.done
  }

  /** What came is no chunked body; nothing more is read. */
  get isBad(): boolean {
    return this.#state === State.bad
  }

  /** The trailer section, once done; `undefined`: it was empty. */
  get trailers(): FieldLines | undefined {
    return this.#trailers.fields.count > 0 ? this.#trailers.fields : undefined
  }

  restart(): void {
    this.#state = State.size
    this.#size = 0
    this.#digits = 0
    this.#lineLength = 0
    this.#trailers.restart()
  }

  /** Reads nothing more: as if it were bad. */
  stop(): void {
    this.#state = State.bad
  }

  /** Reads on; answers the position behind what belongs to the body. */
  feed(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length) {
      switch (this.#state) {
        case State.data: {
          const end = Math.min(bytes.length, at + this.#size)
          this.#size -= end - at
          if (this.#size === 0) this.#state = State.dataReturn
          this.#events.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
          at = end
          break
        }
        case State.trailers:
          at = this.#trailers.feed(bytes, at)
          if (this.#trailers.progress !== 'more')
            this.#state = this.#trailers.progress === 'whole' ? State.done : State.bad
          break
        case State.done:
        case State.bad:
          return at
        default:
          this.#state = this.#next(bytes[at++]!)
      }
    }
    return at
  }

  /** The state behind one byte of framing. */
  #next(byte: number): (typeof State)[keyof typeof State] {
    switch (this.#state) {
      case State.size: {
        const value = hexValues[byte]!
        // 13 digits are 2^52; leading zeros count too.
        if (value !== 255) {
          this.#size = 16 * this.#size + value
          return ++this.#digits > 13 ? State.bad : State.size
        }
        if (this.#digits === 0) return State.bad
        this.#lineLength = this.#digits
        if (byte === 13) return State.sizeEnd
        return byte === 59 ? State.extension : State.bad
      }
      case State.extension:
        if (byte === 13) return State.sizeEnd
        return valueOctets[byte] === 0 || ++this.#lineLength > sizeLineLimit ? State.bad : State.extension
      case State.sizeEnd:
        this.#digits = 0
        if (byte !== 10) return State.bad
        return this.#size === 0 ? State.trailers : State.data
      case State.dataReturn:
        return byte === 13 ? State.dataEnd : State.bad
      default:
        return byte === 10 ? State.size : State.bad
    }
  }
}

/** Reads trailer sections: field lines without a start line. What must not stand there (RFC 9110 section 6.5.1) is dropped. */
class TrailerReader extends HeadReader {
  readonly fields: FieldLines

  constructor(limits: HeadLimits) {
    const fields = new FieldLines()
    super(fields, limits, false)
    this.fields = fields
  }

  protected override readField(bytes: Buffer, begin: number, i: number): boolean {
    const { bounds, kinds } = this.fields
    const isHarmless =
      kinds[i] === Field.other && !resemblesFraming(bytes, begin + bounds[5 * i]!, begin + bounds[5 * i + 1]!)
    if (!isHarmless) this.fields.drop(i)
    return true
  }

  protected override finish(bytes: Buffer, begin: number, end: number): boolean {
    this.fields.text = bytes.toString('latin1', begin, end)
    return true
  }

  protected override judgeLine(): boolean {
    return false
  }

  protected override scanStart(): number {
    return -1
  }

  protected override judgeStart(): boolean {
    return false
  }

  protected override refuseSize(): void {}
}
