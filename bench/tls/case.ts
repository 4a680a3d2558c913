/** What came of one conversation. */
export interface Outcome {
  /** The server answered the hello with its own. */
  readonly isAnswered: boolean
  /** An HTTP answer came. */
  readonly isServed: boolean
  /** What the server said of the fault: `alert 50`, or OpenSSL's word for it. */
  readonly said: string
  /** How it ended, or `open`: not at all in the time that was given. */
  readonly end: 'closed' | 'reset' | 'open'
}

/** What RFC 8446 or RFC 5246 has a server do: end it before its own hello, end it later on, go on, or serve. */
export type Expectation = 'refused' | 'broken off' | 'answered' | 'served'

export interface Door {
  readonly host: string
  readonly port: number
}

export interface Case {
  readonly name: string
  readonly expected: Expectation
  run(door: Door): Promise<Outcome>
}

export function isSound({ isAnswered, isServed, end }: Outcome, expected: Expectation): boolean {
  if (expected === 'refused') return !isAnswered && end !== 'open'
  if (expected === 'broken off') return !isServed && end !== 'open'
  return expected === 'served' ? isServed : isAnswered
}

export function describe({ isAnswered, isServed, said, end }: Outcome): string {
  return [isServed ? 'served' : isAnswered ? 'answered' : '', said, end].filter(word => word !== '').join(', ')
}
