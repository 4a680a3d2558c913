import type { RedirectActionConfig, Action as SdkAction } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Redirect } from '../../domain/action.ts'
import type { ActionPlace } from './actions.ts'
import { invalid, invalidAction } from './resources.ts'

/** Which keywords each member may have (AWS: Redirect actions). */
const keywords = {
  protocol: ['protocol'],
  host: ['host'],
  port: ['port'],
  path: ['host', 'path', 'port'],
  query: ['protocol', 'host', 'port', 'path', 'query'],
} as const

/** Members that are not given are their keywords, which keep what the request has. */
export function redirectIn(config: RedirectActionConfig | undefined): Redirect {
  if (config === undefined) {
    throw invalidAction("For actions of type 'redirect', you must specify the following fields: 'RedirectConfig'")
  }
  if (config.StatusCode === undefined) throw invalid('A status code must be specified for a redirect action')
  const redirect: Redirect = {
    type: 'redirect',
    protocol: config.Protocol ?? '#{protocol}',
    host: config.Host ?? '#{host}',
    port: config.Port ?? '#{port}',
    path: config.Path ?? '/#{path}',
    query: config.Query ?? '#{query}',
    statusCode: config.StatusCode === 'HTTP_301' ? 301 : 302,
  }
  if (!redirect.path.startsWith('/')) throw invalidAction(`The Redirect Path '${redirect.path}' must begin with '/'`)
  if (redirect.port !== '#{port}' && !(/^[1-9]\d{0,4}$/.test(redirect.port) && Number(redirect.port) <= 65_535)) {
    throw invalidAction(`The Redirect Port '${redirect.port}' must be a number between 1 and 65535 or '#{port}'`)
  }
  for (const [member, allowed] of Object.entries(keywords))
    checkText(member as keyof typeof keywords, redirect, allowed)
  return redirect
}

function checkText(member: keyof typeof keywords, redirect: Redirect, allowed: readonly string[]): void {
  const value = redirect[member]
  const what = `The Redirect ${member.charAt(0).toUpperCase()}${member.slice(1)} '${value}'`
  if (!/^[\x21-\x7e]*$/.test(value)) throw invalidAction(`${what} can only contain printable ASCII characters`)
  for (const [, keyword = '', end] of value.matchAll(/#\{([^}]*)(\})?/g)) {
    if (end === undefined || !allowed.includes(keyword))
      throw invalidAction(`${what} cannot contain the keyword '#{${keyword}}'`)
  }
}

/**
 * Throws if clients of a listener at this place would be sent where they are, or from HTTPS to HTTP (AWS: RedirectActionConfig: one of
 * protocol, host, port and path must change). A path such as `/#{path}index.html` changes.
 */
export function checkRedirect(redirect: Redirect, { protocol, port }: ActionPlace): void {
  if (protocol === 'HTTPS' && redirect.protocol === 'HTTP') {
    throw invalidAction('You cannot redirect HTTPS to HTTP')
  }
  const stays =
    ['#{protocol}', protocol].includes(redirect.protocol) &&
    ['#{port}', String(port)].includes(redirect.port) &&
    redirect.host === '#{host}' &&
    redirect.path === '/#{path}'
  if (stays) throw invalidAction('The redirect configuration is not valid because it creates a loop.')
}

export function describeRedirect({ protocol, host, port, path, query, statusCode }: Redirect): SdkAction {
  return {
    Type: 'redirect',
    RedirectConfig: {
      Protocol: protocol,
      Port: port,
      Host: host,
      Path: path,
      Query: query,
      StatusCode: `HTTP_${statusCode}`,
    },
  }
}
