import { compileRules } from '../domain/compile-rules.ts'
import type { RuleTable } from '../domain/rule-match.ts'
import type { SnapshotListener } from '../domain/snapshot.ts'
import type { SnapshotHttp } from '../domain/snapshot-http.ts'
import { StickyCookies } from './cookies.ts'

/** What an HTTP or HTTPS listener's snapshot is compiled to. A request keeps the one that it began with. */
export interface Site {
  readonly listener: SnapshotListener
  readonly http: SnapshotHttp
  readonly rules: RuleTable
  readonly cookies: StickyCookies
}

/** @param before the same listener's last one: what did not change is taken from there */
export function siteOf(listener: SnapshotListener, before: Site | undefined): Site {
  const http = listener.http!
  const isSame = before !== undefined && before.http.rules === http.rules
  const isSameSecret = before !== undefined && before.http.settings.secret === http.settings.secret
  return {
    listener,
    http,
    rules: isSame ? before.rules : compileRules(http.rules),
    cookies: isSameSecret ? before.cookies : new StickyCookies(http.settings.secret),
  }
}
