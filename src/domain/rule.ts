import type { Action } from './action.ts'
import type { Tag } from './tag.ts'

/** A rule of an Application Load Balancer's listener, the default one excepted, which is the listener's own `Action`. */
export interface Rule extends Action {
  /** `arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener-rule/app/NAME/LBID/LISTENERID/ID` */
  readonly arn: string
  readonly listenerArn: string
  /** 1-50,000, the lowest first; unique in the listener. */
  readonly priority: number
  /** All must hold. */
  readonly conditions: readonly RuleCondition[]
  readonly tags: readonly Tag[]
}

/**
 * What a request must be like (AWS: Condition types for listener rules): one of the values fits, `*` in them standing for any
 * characters and `?` for one. Regular expressions are RE2's.
 */
export type RuleCondition =
  /** Host: case-insensitive. Path: case-sensitive, without the query. */
  | {
      readonly field: 'host-header' | 'path-pattern'
      readonly values: readonly string[]
      readonly regexValues: readonly string[]
    }
  /** Case-insensitive, name and values. */
  | {
      readonly field: 'http-header'
      readonly name: string
      readonly values: readonly string[]
      readonly regexValues: readonly string[]
    }
  /** Exact. */
  | { readonly field: 'http-request-method'; readonly values: readonly string[] }
  /** Case-insensitive; without a key the value may be any key's. `\*` and `\?` are the characters themselves. */
  | { readonly field: 'query-string'; readonly values: readonly { readonly key?: string; readonly value: string }[] }
  /** CIDRs, of the address that connects. */
  | { readonly field: 'source-ip'; readonly values: readonly string[] }
