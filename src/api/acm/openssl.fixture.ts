import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { lacking } from '../../../test/lacking.ts'

/** What ImportCertificate is given. */
export interface Imported {
  readonly Certificate: Uint8Array
  readonly PrivateKey: Uint8Array
}

interface Wanted {
  /** `/CN=example.com` */
  readonly subject?: string
  /** Arguments of `openssl genpkey`. */
  readonly key?: string
  /** Extensions, beside none: `subjectAltName=DNS:example.com`. */
  readonly extensions?: readonly string[]
  readonly days?: number
  /** Without it the certificate is signed by its own key. */
  readonly issuer?: Imported
}

/** OpenSSL's command line, as the second opinion on certificates. */
export class OpenSsl {
  readonly #folder: string
  #files = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** A path with this content. */
  file(content: string | Uint8Array): string {
    const path = join(this.#folder, String(++this.#files))
    writeFileSync(path, content)
    return path
  }

  run(...args: readonly string[]): string {
    return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
  }

  /** PEM of a certificate that is valid from now on, and of its key. */
  make({ subject = '/CN=example.com', key = ec, extensions = [], days = 90, issuer }: Wanted = {}): Imported {
    const PrivateKey = Buffer.from(this.run('genpkey', ...key.split(' ')))
    const path = this.file('')
    this.run(
      ...['req', '-x509', '-new', '-key', this.file(PrivateKey), '-subj', subject, '-days', String(days), '-out', path],
      ...extensions.flatMap(each => ['-addext', each]),
      ...(issuer === undefined ? [] : ['-CA', this.file(issuer.Certificate), '-CAkey', this.file(issuer.PrivateKey)]),
    )
    return { Certificate: readFileSync(path), PrivateKey }
  }
}

export const ec = '-algorithm EC -pkeyopt ec_paramgen_curve:P-256'
export const rsa = '-algorithm RSA -pkeyopt rsa_keygen_bits:2048'

/** `undefined` where the machine has none; then the test is skipped. */
export function openSsl(t: TestContext): OpenSsl | undefined {
  if (spawnSync('openssl', ['version']).status !== 0) {
    lacking(t, 'openssl (Debian: openssl)')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'sluice-openssl-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return new OpenSsl(folder)
}
