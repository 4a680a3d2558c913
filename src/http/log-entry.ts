import type { AccessLogEntry } from './access-log.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { Field } from './head.ts'
import type { TargetSearch } from './target-search.ts'

/** What the access log says of an exchange that is over (AWS: Access log entries). */
export function accessEntry(
  record: ExchangeRecord,
  { tried, group }: TargetSearch,
  { client, front, traceId }: ClientConnection,
): AccessLogEntry {
  const { head, rule, site, refusal, status } = record
  const { listener, http } = site
  const endedAt = front.timing.monotonic()
  const time = front.timing.now()
  const scheme = listener.tls === undefined ? 'http' : 'https'
  const isSocket = head?.upgrade.toLowerCase() === 'websocket' && status === 101
  const at = tried.map(({ address, port }) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`))
  const hasTarget = record.sentAt > 0
  const userAgent = head?.find(Field.userAgent) ?? -1
  const [method = '', url = '', version = ''] = (refusal?.requestLine ?? '').split(' ')
  return {
    type: isSocket ? (scheme === 'http' ? 'ws' : 'wss') : scheme,
    time,
    createdAt: time - (endedAt - record.beganAt),
    loadBalancer: http.loadBalancer,
    clientAddress: client.address,
    clientPort: client.port,
    target: hasTarget ? (at.at(-1) ?? '') : '',
    requestProcessingMs: hasTarget ? record.sentAt - record.beganAt : -1,
    targetProcessingMs: record.answeredAt > 0 ? record.answeredAt - record.sentAt : -1,
    responseProcessingMs: record.answeredAt > 0 ? endedAt - record.answeredAt : -1,
    elbStatus: status,
    targetStatus: record.targetStatus,
    receivedBytes: record.receivedBytes,
    sentBytes: record.sentBytes,
    method: head?.method ?? method,
    url: head === undefined ? url : urlOf(record, scheme),
    version: head === undefined ? version : `HTTP/1.${head.minorVersion}`,
    userAgent: userAgent < 0 ? '' : head!.value(userAgent),
    sslCipher: client.tls?.cipher ?? '',
    sslProtocol: client.tls?.version ?? '',
    targetGroupArn: group?.snapshot.http?.targetGroupArn ?? '',
    traceId: record.traceId,
    domainName: client.tls?.serverName ?? '',
    chosenCertArn: client.tls?.certificateArn ?? '',
    rulePriority: rule?.priority ?? -1,
    actions: rule === undefined ? '' : (rule.action.answer?.type ?? 'forward'),
    redirectUrl: record.redirectUrl,
    errorReason: record.errorReason,
    targets: at,
    targetStatuses: record.targetStatus > 0 ? [record.targetStatus] : [],
    verdict: record.verdict,
    connectionTraceId: traceId,
  }
}

/** `http://host:port/path?query` */
function urlOf({ head, site }: ExchangeRecord, scheme: string): string {
  const { authority, path, query, hasQuery } = head!
  const host = authority === '' ? site.listener.address : authority
  const hasPort = /:\d+$/.test(host)
  return `${scheme}://${host}${hasPort ? '' : `:${site.listener.port}`}${path}${hasQuery ? `?${query}` : ''}`
}
