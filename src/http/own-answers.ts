import type { FixedResponse } from '../domain/action.ts'
import { type Reply, responseFieldLines } from './client-head.ts'

/** Names of statuses as AWS's load balancers write them, in the status line and on the page; 460-464 and 561 have none. */
const names: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  400: 'Bad Request',
  401: 'Authorization Required',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Time-out',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Large',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
}

/** An answer made here, head and body as latin1: AWS's page for the status, without a body where the status has no name. */
export function ownAnswer(status: number, reply: Reply): string {
  return written(status, 'text/html', page(status), '', reply)
}

/** What one who speaks HTTP without TLS to an HTTPS listener is answered (AWS: HTTP 400). */
export function plainHttpAnswer(settings: Reply['settings'], date: string): string {
  const reply = { settings, minorVersion: 1, keepAlive: false, isHead: false, date } as const
  return written(400, 'text/html', page(400, 'The plain HTTP request was sent to HTTPS port'), '', reply)
}

/** @param location by `redirectUrl` */
export function redirectAnswer(statusCode: 301 | 302, location: string, reply: Reply): string {
  return written(statusCode, 'text/html', page(statusCode), `Location: ${location}\r\n`, reply)
}

/** A fixed-response action's answer; its body is sent as UTF-8. */
export function fixedAnswer(fixed: FixedResponse, reply: Reply): string {
  const type = `${fixed.contentType ?? 'text/plain'}; charset=utf-8`
  return written(fixed.statusCode, type, latin1Bodies.getOrInsertComputed(fixed, latin1Body), '', reply)
}

/** Bodies of actions, made once; an action that did not change since the last snapshot is the same object. */
const latin1Bodies = new WeakMap<FixedResponse, string>()

function latin1Body({ body = '' }: FixedResponse): string {
  return Buffer.from(body, 'utf8').toString('latin1')
}

function page(status: number, why?: string): string {
  const name = names[status]
  if (name === undefined) return ''
  const title = `${status} ${name}`
  const [head, rest] = why === undefined ? [title, ''] : [`${status} ${why}`, `<center>${why}</center>\r\n`]
  return `<html>\r\n<head><title>${head}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n${rest}</body>\r\n</html>\r\n`
}

function written(status: number, contentType: string, body: string, lines: string, reply: Reply): string {
  const { settings } = reply
  let text = `HTTP/1.1 ${status} ${names[status] ?? ''}\r\n`
  if (settings.serverHeader) text += 'Server: awselb/2.0\r\n'
  text += `Date: ${reply.date}\r\n`
  // RFC 9110 section 15.3.5: there is no body, and no length of one.
  const mayHaveBody = status !== 204
  if (mayHaveBody) {
    if (body !== '') text += `Content-Type: ${contentType}\r\n`
    text += `Content-Length: ${body.length}\r\n`
  }
  text += reply.keepAlive ? 'Connection: keep-alive\r\n' : 'Connection: close\r\n'
  text += `${lines}${responseFieldLines(settings)}\r\n`
  return mayHaveBody && !reply.isHead ? text + body : text
}
