import type { HostAddresses } from '../domain/addresses.ts'
import type { Health } from '../domain/health.ts'
import { applyChanges, type Change, type State, type TableName, type Tables } from '../domain/state.ts'

/**
 * What an action is given beside its input. An action is a synchronous function of it: it reads and writes one draft,
 * which becomes one store transaction, and answers or throws an `ApiError`. It is run again if somebody else committed first.
 */
export interface Call {
  readonly draft: Draft
  readonly account: string
  readonly region: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** `length` random lower-case hex digits, for ids. */
  hex(length: number): string
  uuid(): string
  /** What this host can give load balancers as addresses. */
  readonly host: HostAddresses
  /** The node's word on a target's health (`targetKey`), `undefined` if it has none yet. */
  health(key: string): Health | undefined
  /** What the caller signed with; `test` where no credentials are configured. */
  readonly accessKeyId: string
}

export type Action<Input = never, Output = unknown> = (input: Input, call: Call) => Output

/**
 * One AWS service as the server sees it. `load` brings the SDK's schemas at the first request of the service
 * (EC2's take 0.3 s to import) beside our actions.
 */
export interface Service {
  /** SigV4 signing name: `elasticloadbalancing`, `ec2`, `sts`, `ecs`. */
  readonly signingName: string
  /** `2015-12-01` */
  readonly version: string
  readonly protocol: 'query' | 'ec2' | 'json'
  /** Of query and ec2. */
  readonly xmlNamespace?: string
  /** Of json: what stands before the action in `X-Amz-Target`, `AmazonEC2ContainerServiceV20141113`. */
  readonly targetPrefix?: string
  /** The error for an input that breaks `constraints`, where it is not the protocol's own (`checkInput`): `ValidationException`. */
  readonly invalidCode?: string
  /** Names of the actions that exist here, so that a request without a credential scope finds its service. */
  readonly actionNames: readonly string[]
  load(): Promise<LoadedService>
}

export interface LoadedService {
  /** The SDK module: `CreateListener$` and so on are operation schemas. */
  readonly schemas: Readonly<Record<string, unknown>>
  readonly actions: Readonly<Record<string, Action>>
  /**
   * Ranges, patterns and enums that the schemas do not hold, by structure and member: `CreateTargetGroupInput.Port`. Absent: the
   * actions check all themselves, required members too.
   */
  readonly constraints?: Constraints
}

export type Constraints = Readonly<Record<string, Constraint>>

/** What a value must satisfy; for lists `min` and `max` count items, for strings characters, for numbers they bound it. */
export interface Constraint {
  readonly min?: number
  readonly max?: number
  readonly pattern?: RegExp
  readonly enum?: readonly string[]
}

/** Reads and writes of one transaction; nothing is kept unless the action answers. */
export class Draft {
  #state: State
  #changes: Change[] = []

  constructor(state: State) {
    this.#state = state
  }

  /** The state with this draft's own changes in it. */
  get state(): State {
    return this.#state
  }

  get changes(): readonly Change[] {
    return this.#changes
  }

  put<K extends TableName>(table: K, key: string, value: Tables[K]): void {
    this.change({ table, key, value } as Change)
  }

  delete(table: TableName, key: string): void {
    if (this.#state[table].has(key)) this.change({ table, key } as Change)
  }

  /** Puts or deletes a record as a rule of the domain says. */
  change(change: Change): void {
    this.#changes.push(change)
    this.#state = applyChanges(this.#state, this.#state.revision, [change])
  }
}
