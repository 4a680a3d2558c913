import type { SnapshotGroup } from '../domain/snapshot.ts'
import type { SnapshotHttpGroup } from '../domain/snapshot-http.ts'
import { cookieEnd, nextCookie, setsCookie } from './cookie-pairs.ts'
import type { RequestHead, ResponseHead } from './head.ts'
import { SealedNames } from './sealed-names.ts'

/** The cookies, each with the one beside it that browsers send from other sites' pages too (AWS: Sticky sessions, CORS). */
const namesOf = {
  AWSALB: ['AWSALB', 'AWSALBCORS'],
  'AWSALBAPP-0': ['AWSALBAPP-0'],
  AWSALBTG: ['AWSALBTG', 'AWSALBTGCORS'],
} as const

type CookieName = keyof typeof namesOf

/** What browsers keep a cookie for, whatever the stickiness lasts (AWS: Sticky sessions). */
const browserSeconds = 7 * 86_400
/** Cookies of one name that are looked at in a request: a client may send as many as it likes. */
const mostTries = 3
/** Sealed names are shorter. */
const longestValue = 1_024
/** Groups whose latest cookies are kept. */
const keptGroups = 1_024

/** The `Set-Cookie` values for one target or target group, made anew each second: their time runs from the answer on. */
interface Issue {
  /** Seconds since the epoch. */
  readonly expiresAt: number
  readonly plain: readonly string[]
  readonly overTls: readonly string[]
}

/**
 * The cookies by which a client comes back to its target and its target group (AWS: Sticky sessions), of one load balancer. What
 * they say is encrypted and authenticated, so that a client can neither choose a target nor learn one.
 */
export class StickyCookies {
  readonly #names: SealedNames
  /** By target's key; a group that changed is another object. */
  readonly #ofTargets = new WeakMap<SnapshotHttpGroup, Map<string, Issue>>()
  /** By ARN. */
  readonly #ofGroups = new Map<string, Issue>()

  /** @param secret `HttpSettings.secret` */
  constructor(secret: string) {
    this.#names = new SealedNames(secret)
  }

  /**
   * Key of the target that the request's cookie names, which may be gone: ask `Balancer.serving`. `undefined`: the group has no
   * stickiness, or there is no cookie that was made for this group, is whole and has not expired. An application's cookie must have
   * come back too.
   */
  targetOf(head: RequestHead, { http }: SnapshotGroup, now: number): string | undefined {
    if (http?.stickiness === undefined) return undefined
    const { targetGroupArn, stickiness } = http
    const { cookieName } = stickiness
    if (cookieName !== undefined && nextCookie(head, cookieName, 0) < 0) return undefined
    return this.#read(head, cookieName === undefined ? 'AWSALB' : 'AWSALBAPP-0', targetGroupArn, now)
  }

  /** ARN of the target group that the request's cookie names, for `chooseGroup`. */
  groupOf(head: RequestHead, now: number): string | undefined {
    return this.#read(head, 'AWSALBTG', '', now)
  }

  /**
   * Values of the `Set-Cookie` lines to add to an answer of the target `key`: none without stickiness; with an application's cookie,
   * only if the answer sets that one, or the request's cookies named this target. The same list for all answers of a second.
   * @param named what `targetOf` said of the request
   */
  forTarget(
    { http }: SnapshotGroup,
    key: string,
    named: string | undefined,
    answer: ResponseHead,
    overTls: boolean,
    now: number,
  ): readonly string[] {
    if (http?.stickiness === undefined) return []
    const { cookieName, durationSeconds } = http.stickiness
    if (cookieName !== undefined && named !== key && !setsCookie(answer, cookieName)) return []
    const issues = this.#ofTargets.getOrInsertComputed(http, () => new Map())
    const cookie = cookieName === undefined ? 'AWSALB' : 'AWSALBAPP-0'
    return this.#issue(issues, cookie, http.targetGroupArn, key, durationSeconds, overTls, now)
  }

  /** Values of the `Set-Cookie` lines for the group chosen by an action with `stickySeconds`. */
  forGroup(targetGroupArn: string, stickySeconds: number, overTls: boolean, now: number): readonly string[] {
    if (this.#ofGroups.size > keptGroups) this.#ofGroups.clear()
    return this.#issue(this.#ofGroups, 'AWSALBTG', '', targetGroupArn, stickySeconds, overTls, now)
  }

  /** What the first cookie of this name, or of its twin, says that is one of ours and good. */
  #read(head: RequestHead, cookie: CookieName, targetGroupArn: string, now: number): string | undefined {
    for (const name of namesOf[cookie]) {
      let begin = nextCookie(head, name, 0)
      for (let tries = 0; begin >= 0 && tries < mostTries; tries++) {
        const end = cookieEnd(head, begin)
        const isSane = end - begin <= longestValue
        const opened = isSane ? this.#names.open(cookie, targetGroupArn, head.text.slice(begin, end), now) : undefined
        if (opened !== undefined) return opened
        begin = nextCookie(head, name, end)
      }
    }
    return undefined
  }

  #issue(
    issues: Map<string, Issue>,
    cookie: CookieName,
    targetGroupArn: string,
    name: string,
    seconds: number,
    overTls: boolean,
    now: number,
  ): readonly string[] {
    const second = Math.floor(now / 1_000)
    let issue = issues.get(name)
    if (issue?.expiresAt !== second + seconds) {
      const value = this.#names.seal(cookie, targetGroupArn, name, second + seconds)
      const expires = new Date(1_000 * (second + browserSeconds)).toUTCString()
      const [first, twin] = namesOf[cookie].map(its => `${its}=${value}; Expires=${expires}; Path=/`)
      issue = {
        expiresAt: second + seconds,
        plain: twin === undefined ? [first!] : [first!, `${twin}; SameSite=None`],
        overTls: twin === undefined ? [first!] : [first!, `${twin}; SameSite=None; Secure`],
      }
      issues.set(name, issue)
    }
    return overTls ? issue.overTls : issue.plain
  }
}
