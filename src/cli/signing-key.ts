import { readCredentials } from '../api/credentials.ts'
import { sign } from '../api/sign.ts'
import type { Options } from './options.ts'

/** What our own calls sign with: the first key of the credentials file, or any key where none are configured. */
export function signingKey(options: Options): { readonly accessKeyId: string; readonly secretAccessKey: string } {
  if (options.credentials === undefined) return { accessKeyId: 'test', secretAccessKey: 'test' }
  const [accessKeyId, secretAccessKey] = [...readCredentials(options.credentials)][0] ?? ['', '']
  return { accessKeyId, secretAccessKey }
}

/** Headers of a signed GET of `url`, for the paths beside AWS's API. */
export function signedHeaders(options: Options, url: URL, now: number): Record<string, string> {
  const { headers } = sign({
    method: 'GET',
    target: url.pathname + url.search,
    headers: { host: [url.host] },
    body: '',
    ...signingKey(options),
    region: options.region,
    service: 'elasticloadbalancing',
    at: now,
  })
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, values]) => (name === 'host' ? [] : [[name, values?.[0] ?? '']])),
  )
}
