import { randomBytes, randomUUID } from 'node:crypto'

/** Where ids come from: injected, as time is, so that a rehearsal has the same ones each time. */
export interface Ids {
  /** `length` random lower-case hex digits. */
  hex(length: number): string
  uuid(): string
}

/** Nobody guesses them. */
export const randomIds: Ids = {
  hex: length =>
    randomBytes((length + 1) >> 1)
      .toString('hex')
      .slice(0, length),
  uuid: () => randomUUID(),
}
