import type { AccessLogEntry, ConnectionLogEntry } from './access-log.ts'

/** AWS: Access log entries, user_agent: what is longer is cut off. */
const longestUserAgent = 8 * 1024

/**
 * A line of an access log, in the order and the notation of AWS's (Access log entries), without its line break. The last three
 * fields are those of transforms.
 */
export function accessLogLine(entry: AccessLogEntry): string {
  const request = `${entry.method || '-'} ${entry.url || '-'} ${entry.version || '-'}`
  return [
    entry.type,
    timestamp(entry.time),
    entry.loadBalancer,
    `${entry.clientAddress}:${entry.clientPort}`,
    entry.target || '-',
    seconds(entry.requestProcessingMs),
    seconds(entry.targetProcessingMs),
    seconds(entry.responseProcessingMs),
    status(entry.elbStatus),
    status(entry.targetStatus),
    entry.receivedBytes,
    entry.sentBytes,
    quoted(request),
    quoted(entry.userAgent.slice(0, longestUserAgent)),
    entry.sslCipher || '-',
    entry.sslProtocol || '-',
    entry.targetGroupArn || '-',
    quoted(entry.traceId),
    quoted(entry.domainName),
    quoted(entry.chosenCertArn),
    entry.rulePriority < 0 ? '-' : entry.rulePriority,
    timestamp(entry.createdAt),
    quoted(entry.actions),
    quoted(entry.redirectUrl),
    quoted(entry.errorReason),
    quoted(entry.targets.join(' ')),
    quoted(entry.targetStatuses.map(status).join(' ')),
    quoted(entry.verdict.class === 'Compliant' ? '' : entry.verdict.class),
    quoted(entry.verdict.reason),
    entry.connectionTraceId || '-',
    '"-" "-" "-"',
  ].join(' ')
}

/** A line of a connection log (AWS: Connection log entries), without its line break; no client has a certificate here. */
export function connectionLogLine(entry: ConnectionLogEntry): string {
  return [
    timestamp(entry.time),
    entry.clientAddress,
    entry.clientPort,
    entry.listenerPort,
    entry.tlsProtocol || '-',
    entry.tlsCipher || '-',
    entry.handshakeMs < 0 ? '-' : seconds(entry.handshakeMs),
    '"-" - -',
    entry.verifyStatus || '-',
    entry.traceId || '-',
  ].join(' ')
}

/** `2018-07-02T22:23:00.186641Z`; a millisecond's fraction is its microseconds. */
function timestamp(ms: number): string {
  const whole = Math.floor(ms)
  const microseconds = Math.min(999, Math.round((ms - whole) * 1_000))
  return `${new Date(whole).toISOString().slice(0, -1)}${String(microseconds).padStart(3, '0')}Z`
}

/** `0.086`; `-1` where the request got no further. */
function seconds(ms: number): string {
  return ms < 0 ? '-1' : (ms / 1_000).toFixed(3)
}

function status(code: number): string {
  return code === 0 ? '-' : String(code)
}

/** Quotation marks, backslashes and all but printable US-ASCII become `\x22`, so that a field is one field and an entry one line. */
function quoted(text: string): string {
  if (text === '') return '"-"'
  return `"${text.replace(/["\\]|[^ -~]/g, character => `\\x${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)}"`
}
