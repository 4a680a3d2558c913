import type { Action } from './action.ts'
import { listenerAttribute, loadBalancerAttribute } from './attributes.ts'
import { addedResponseFields } from './listener-attributes.ts'
import { rulesOf } from './listener-rules.ts'
import type { Listener, LoadBalancer } from './load-balancer.ts'
import { sameItems } from './memo.ts'
import type { HttpSettings, LogPlace, SnapshotHttp, SnapshotRule } from './snapshot-http.ts'
import type { State } from './state.ts'

/**
 * What an HTTP or HTTPS listener does with requests, as its nodes of one zone do it.
 *
 * @param viewOf the zone of `SnapshotGroup.id` for a target group, `undefined` for one that does not exist
 * @param known what it may equal: that one is the answer then, and what is the same in it is the same object
 */
export function listenerHttp(
  state: State,
  listener: Listener,
  loadBalancer: LoadBalancer,
  viewOf: (targetGroupArn: string) => string | undefined,
  known: readonly SnapshotHttp[],
): SnapshotHttp {
  const defaultRule = snapshotRule(listener, 0, viewOf)
  const same = known[0]?.rules.at(-1)
  const rules = [
    ...rulesOf(state, listener.arn).map(rule => snapshotRule(rule, rule.priority, viewOf)),
    same !== undefined && isSame(same, defaultRule) ? same : defaultRule,
  ]
  const settings = settingsOf(listener, loadBalancer)
  const fresh: SnapshotHttp = {
    loadBalancer: nameOf(loadBalancer),
    rules: known.find(its => sameItems(its.rules, rules))?.rules ?? rules,
    settings: known.find(its => isSame(its.settings, settings))?.settings ?? settings,
  }
  return known.find(its => sameItems(Object.values(its), Object.values(fresh))) ?? fresh
}

type Conditional = Action & Partial<Pick<SnapshotRule, 'conditions'>>

/** Of each record of a rule or listener, by the zones of its target groups' views. */
const made = new WeakMap<Conditional, Map<string, SnapshotRule>>()

function snapshotRule(
  of: Conditional,
  priority: number,
  viewOf: (targetGroupArn: string) => string | undefined,
): SnapshotRule {
  const views = of.forward.map(({ targetGroupArn }) => viewOf(targetGroupArn))
  return made
    .getOrInsertComputed(of, () => new Map())
    .getOrInsertComputed(views.join(' '), () => {
      const { conditions = [], stickySeconds, answer } = of
      const forward = of.forward.flatMap(({ targetGroupArn, weight }, i) =>
        views[i] === undefined ? [] : { group: `${targetGroupArn} TCP ${views[i]}`, weight },
      )
      const action = { forward, ...(stickySeconds !== undefined && { stickySeconds }), ...(answer && { answer }) }
      return { priority, conditions, action }
    })
}

/** Small plain objects, made by the same lines. */
function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** `app/NAME/ID` */
function nameOf({ arn }: LoadBalancer): string {
  return arn.slice(arn.indexOf('/') + 1)
}

/** AWS: LoadBalancerAttribute and ListenerAttribute, Application Load Balancers. */
function settingsOf(listener: Listener, loadBalancer: LoadBalancer): HttpSettings {
  const its = (key: string) => loadBalancerAttribute(loadBalancer, key)
  const routing = (key: string) => its(`routing.http.${key}`)
  const header = (key: string) => listenerAttribute(listener, `routing.http.request.${key}.header_name`)
  const accessLog = logPlace(loadBalancer, 'access_logs')
  const connectionLog = logPlace(loadBalancer, 'connection_logs')
  return {
    // No Application Load Balancer is without one: version 0.1 knew none.
    secret: loadBalancer.secret ?? '',
    desyncMode: routing('desync_mitigation_mode') as HttpSettings['desyncMode'],
    dropInvalidHeaderFields: routing('drop_invalid_header_fields.enabled') === 'true',
    preserveHost: routing('preserve_host_header.enabled') === 'true',
    tlsHeaders: routing('x_amzn_tls_version_and_cipher_suite.enabled') === 'true',
    tlsVersionHeader: header('x_amzn_tls_version'),
    tlsCipherHeader: header('x_amzn_tls_cipher_suite'),
    xff: routing('xff_header_processing.mode') as HttpSettings['xff'],
    xffClientPort: routing('xff_client_port.enabled') === 'true',
    idleTimeoutMs: 1000 * Number(its('idle_timeout.timeout_seconds')),
    clientKeepAliveMs: 1000 * Number(its('client_keep_alive.seconds')),
    serverHeader: listenerAttribute(listener, 'routing.http.response.server.enabled') === 'true',
    responseFields: addedResponseFields(listener),
    ...(accessLog && { accessLog }),
    ...(connectionLog && { connectionLog }),
  }
}

function logPlace(loadBalancer: LoadBalancer, kind: 'access_logs' | 'connection_logs'): LogPlace | undefined {
  const its = (key: string) => loadBalancerAttribute(loadBalancer, `${kind}.s3.${key}`)
  if (its('enabled') !== 'true') return undefined
  const [, , , region = '', account = ''] = loadBalancer.arn.split(':')
  const name = nameOf(loadBalancer).replaceAll('/', '.')
  return { bucket: its('bucket'), prefix: its('prefix'), account, region, loadBalancer: name }
}
