import type { LogPlace } from '../domain/snapshot-http.ts'
import type { Verdict } from './head.ts'

/** All that an access log says of one request (AWS: Access log entries). Times in ms; -1 where there was none. */
export interface AccessLogEntry {
  readonly type: 'http' | 'https' | 'ws' | 'wss'
  /** When the answer was out, milliseconds since the epoch, as the next. */
  readonly time: number
  readonly createdAt: number
  /** `app/NAME/ID` */
  readonly loadBalancer: string
  readonly clientAddress: string
  readonly clientPort: number
  /** `10.0.0.1:80`; empty: none was chosen. */
  readonly target: string
  readonly requestProcessingMs: number
  readonly targetProcessingMs: number
  readonly responseProcessingMs: number
  /** 0: none went out. */
  readonly elbStatus: number
  readonly targetStatus: number
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly method: string
  /** `http://host:80/path?query`; of what could not be read `http://host:80-`. */
  readonly url: string
  readonly version: string
  readonly userAgent: string
  readonly sslCipher: string
  readonly sslProtocol: string
  readonly targetGroupArn: string
  readonly traceId: string
  /** SNI's name. */
  readonly domainName: string
  readonly chosenCertArn: string
  /** -1: none was evaluated. */
  readonly rulePriority: number
  readonly actions: 'forward' | 'redirect' | 'fixed-response' | ''
  readonly redirectUrl: string
  readonly errorReason: string
  /** Every target that was tried. */
  readonly targets: readonly string[]
  readonly targetStatuses: readonly number[]
  readonly verdict: Verdict
  readonly connectionTraceId: string
}

/** One TLS or TCP connection of a client (AWS: Connection log entries). */
export interface ConnectionLogEntry {
  readonly time: number
  readonly clientAddress: string
  readonly clientPort: number
  readonly listenerPort: number
  readonly tlsProtocol: string
  readonly tlsCipher: string
  readonly handshakeMs: number
  /** `Success`, or `Failed:TLSHandshakeError` and the like. */
  readonly verifyStatus: string
  readonly traceId: string
}

/** Where entries go, with the address of the load balancer's node that they are of; a call neither waits nor throws. */
export interface LogSink {
  access(place: LogPlace, node: string, entry: AccessLogEntry): void
  connection(place: LogPlace, node: string, entry: ConnectionLogEntry): void
}
