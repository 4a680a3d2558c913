/** A tag, as AWS has it on every resource. Keys are 1-128 characters, values 0-256. */
export interface Tag {
  readonly key: string
  readonly value: string
}
