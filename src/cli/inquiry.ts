import { systemClock } from '../clock.ts'
import type { Options } from './options.ts'
import { signedHeaders } from './signing-key.ts'

/** What is asked of the running Sluice: a path beside AWS's API, with parameters sorted by name. */
export interface Inquiry {
  readonly path: `/_sluice/${string}`
  readonly parameters?: Readonly<Record<string, string>>
}

/**
 * Asks the Sluice that these options lead to; the answer is its JSON, or why there is none, in one line.
 *
 * @param longestMs how long it is waited for
 */
export async function inquire<Answer extends object>(
  options: Options,
  inquiry: Inquiry,
  longestMs = 15_000,
): Promise<Answer | string> {
  const url = new URL(`http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}`)
  url.pathname = inquiry.path
  url.search = Object.entries(inquiry.parameters ?? {})
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
  try {
    const response = await fetch(url, {
      headers: signedHeaders(options, url, systemClock.now()),
      signal: AbortSignal.timeout(longestMs),
    })
    if (response.status === 200) return (await response.json()) as Answer
    if (response.status === 403)
      return `Sluice at ${url.origin} refused the key of ${options.credentials ?? 'a caller without one'}: say --credentials FILE, with the file that it was started with.`
    const text = await response.text()
    return (
      messageIn(text) ??
      `What answers at ${url.origin} is no Sluice of this version, it says ${response.status} (${inOneLine(text)}): say --port.`
    )
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return `Sluice does not run at ${url.origin} (${(cause as Error).message}); start it with: bin/sluice up, or say --port.`
  }
}

function inOneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 80)
}

/** What our own routes say when they refuse. */
function messageIn(text: string): string | undefined {
  try {
    return JSON.parse(text).message
  } catch {
    // AWS's errors are XML.
    return undefined
  }
}
