/** curl, as a client of whatever speaks HTTP. */
import { execFile } from 'node:child_process'

/** The last answer, where there are several: redirects followed, more than one URL. */
export interface CurlAnswer {
  readonly status: number
  /** By name in small letters; each field's lines in order. */
  readonly fields: Readonly<Record<string, readonly string[]>>
  /** Connections made for it: 0 if one was used again. */
  readonly connects: number
  /** Of all answers, one after the other. */
  readonly body: string
}

/** Runs `curl ARGS`. Rejects with curl's own complaint where there is no answer. */
export function curl(...args: readonly string[]): Promise<CurlAnswer> {
  const told = '%{stderr}{"status":%{http_code},"connects":%{num_connects},"fields":%{header_json}}\u001e'
  return new Promise((resolve, reject) => {
    const all = ['--silent', '--max-time', '20', '--write-out', told, ...args]
    execFile('curl', all, { maxBuffer: 1 << 26 }, (error, body, stderr) => {
      if (error === null) resolve({ ...JSON.parse(stderr.split('\u001e').at(-2) ?? ''), body })
      else reject(new Error(`curl ${args.join(' ')} ended with ${error.code}`))
    })
  })
}
