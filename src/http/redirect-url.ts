import type { Redirect } from '../domain/action.ts'
import type { RequestHead } from './head.ts'
import { type Forwarding, hostOf } from './target-head.ts'

/**
 * Where a redirect action sends a request: the Location field, and the access log's redirect_url. `#{host}` has no port, `#{path}`
 * no leading slash (AWS: Redirect actions). The port is always written, as AWS's load balancers do.
 */
export function redirectUrl(redirect: Redirect, head: RequestHead, forwarding: Forwarding): string {
  const fill = (template: string) =>
    encoded(template).replace(/#\{(protocol|host|port|path|query)\}/g, (_, keyword: Keyword) =>
      keywordValue(keyword, head, forwarding),
    )
  const query = fill(redirect.query)
  const url = `${fill(redirect.protocol).toLowerCase()}://${fill(redirect.host)}:${fill(redirect.port)}${fill(redirect.path)}`
  return query === '' ? url : `${url}?${query}`
}

type Keyword = 'protocol' | 'host' | 'port' | 'path' | 'query'

function keywordValue(keyword: Keyword, head: RequestHead, forwarding: Forwarding): string {
  switch (keyword) {
    case 'protocol':
      return forwarding.tls === undefined ? 'http' : 'https'
    case 'host':
      return escapedUri(hostOf(head, forwarding))
    case 'port':
      return String(forwarding.listenerPort)
    case 'path':
      return escapedUri(head.path.startsWith('/') ? head.path.slice(1) : head.path)
    case 'query':
      return escapedUri(head.query)
  }
}

/** What was configured may be any text; a field's value has the bytes of its UTF-8 percent-encoded. */
function encoded(template: string): string {
  return escapedUri(Buffer.from(template, 'utf8').toString('latin1'))
}

/** A latin1 URI of which each byte that is not printable US-ASCII is percent-encoded (RFC 3986 section 2.1). */
function escapedUri(uri: string): string {
  return uri.replace(/[^!-~]/g, byte => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
