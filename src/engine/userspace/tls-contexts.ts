import { constants, createHash, createPrivateKey, hkdfSync, X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import type { Candidate } from '../../domain/choose-certificate.ts'
import type { SecurityPolicy } from '../../domain/security-policy.ts'
import type { SnapshotCertificate } from '../../domain/snapshot.ts'

/** A certificate made ready to be shown. */
export interface ReadyCertificate extends Candidate {
  readonly arn: string
  readonly context: tls.SecureContext
}

interface Known {
  readonly ready: WeakRef<ReadyCertificate>
  /** What the keys of its tickets are made from. */
  readonly secret: string | undefined
  readonly policy: string
}

const dayMs = 86_400_000
/** Seconds that a session may be resumed, as long as its ticket's key lives. */
const sessionSeconds = 12 * 3_600
const hybridGroups = ['X25519MLKEM768', 'SecP256r1MLKEM768', 'SecP384r1MLKEM1024']
const groups = ['X25519', 'P-256', 'P-384', 'P-521']

/**
 * One process's contexts: one for each certificate, security policy and load balancer, whichever listeners show it. Tickets' keys are
 * made from the load balancer's secret, the policy and the day, so that each worker, and the next process, resumes what
 * another began, and no change of a policy is got around by an old session.
 */
export class TlsContexts {
  readonly #known = new Map<string, Known>()
  #day = -1

  /** @throws the key is another certificate's, or OpenSSL can't read them */
  of(
    certificate: SnapshotCertificate,
    policy: SecurityPolicy,
    secret: string | undefined,
    now: number,
  ): ReadyCertificate {
    this.renewTickets(now)
    const key = createHash('sha256')
      .update(JSON.stringify([certificate.arn, certificate.certificates, certificate.privateKey, policy.name, secret]))
      .digest('base64')
    const known = this.#known.get(key)?.ready.deref()
    if (known !== undefined) return known
    const { arn, names, keyAlgorithm, notBefore, notAfter } = certificate
    const x509 = new X509Certificate(certificate.certificates)
    // OpenSSL itself notices only where both are of one kind.
    if (!x509.checkPrivateKey(createPrivateKey(certificate.privateKey))) throw new Error('its private key is another’s')
    const ready: ReadyCertificate = {
      arn,
      names,
      keyAlgorithm,
      notBefore,
      notAfter,
      hashBits: hashBits(x509),
      context: serverContext(
        certificate,
        policy,
        secret === undefined ? undefined : ticketKeys(secret, policy.name, this.#day),
      ),
    }
    for (const [old, { ready }] of this.#known) if (ready.deref() === undefined) this.#known.delete(old)
    this.#known.set(key, { ready: new WeakRef(ready), secret, policy: policy.name })
    return ready
  }

  /** To be called before each handshake: with a new day come new keys. Sessions of the day before begin anew. */
  renewTickets(now: number): void {
    const day = Math.floor(now / dayMs)
    if (day === this.#day) return
    this.#day = day
    for (const { ready, secret, policy } of this.#known.values())
      if (secret !== undefined) native(ready.deref()?.context)?.setTicketKeys(ticketKeys(secret, policy, day))
  }
}

/** Protocols, ciphers and groups of a policy, as `createSecureContext` takes them. */
export function contextOptions(policy: SecurityPolicy): tls.SecureContextOptions {
  const [minVersion = 'TLSv1.2'] = policy.protocols
  // Before TLS 1.2 handshakes are signed with SHA-1, which OpenSSL 3 has at level 0 only. Those of TLS 1.3 are a list of their own:
  // the other one must be empty then, and a level alone is refused.
  const level = minVersion === 'TLSv1.3' ? [] : [minVersion < 'TLSv1.2' ? '@SECLEVEL=0' : '@SECLEVEL=1']
  return {
    minVersion,
    maxVersion: policy.protocols.at(-1)!,
    ciphers: [...policy.ciphers, ...level].join(':'),
    ecdhCurve: [...(policy.postQuantum ? hybridGroups : []), ...groups].join(':'),
  }
}

function serverContext(
  { certificates, privateKey }: SnapshotCertificate,
  policy: SecurityPolicy,
  keys: Buffer | undefined,
): tls.SecureContext {
  return tls.createSecureContext({
    ...contextOptions(policy),
    cert: certificates,
    key: privateKey,
    // No client certificate is asked for: without this the system's roots would be read into each context.
    ca: [],
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: 'sluice',
    sessionTimeout: sessionSeconds,
    ...(keys !== undefined && { ticketKeys: keys }),
  })
}

function ticketKeys(secret: string, policy: string, day: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `tls tickets ${policy} ${day}`, 48))
}

/** Node's own context, of which `setTicketKeys` is what `tls.Server` calls too. */
function native(context: tls.SecureContext | undefined): { setTicketKeys(keys: Buffer): void } | undefined {
  return context?.context as { setTicketKeys(keys: Buffer): void } | undefined
}

/** `ecdsa-with-SHA256`, `sha256WithRSAEncryption`: 256; 128 for MD5, 160 for SHA-1. */
function hashBits({ signatureAlgorithm: name = '' }: X509Certificate): number {
  const digits = /sha(\d+)/i.exec(name)?.[1]
  return digits === undefined ? 128 : digits === '1' ? 160 : Number(digits)
}
