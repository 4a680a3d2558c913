import type { SnapshotRule } from './snapshot-http.ts'

/** What rules look at of a request; a `RequestHead` is one. */
export interface RoutableRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Without `?`. */
  readonly query: string
  /** Of the Host field or the absolute-form, as given: a port may be in it. */
  readonly authority: string
  /** Values of all header fields named so (lower-case), in order. */
  valuesOf(lowerName: string): readonly string[]
}

/** Chooses rules; made once for each list of them. */
export interface RuleTable {
  /**
   * The first rule, by priority, of which all conditions hold. The default one has none.
   * @param source the address that connects
   */
  match(request: RoutableRequest, source: string): SnapshotRule
}
