import type { Certificate } from './certificate.ts'
import type { Listener, LoadBalancer } from './load-balancer.ts'
import { sameItems } from './memo.ts'
import type { SnapshotCertificate, SnapshotTls } from './snapshot.ts'
import type { State } from './state.ts'

/** The records of a TLS or HTTPS listener's certificates, the default one first; those that do not exist are left out. */
export function certificatesOf({ certificates }: State, { tls }: Listener): readonly Certificate[] {
  const arns = tls === undefined ? [] : [...new Set([tls.defaultCertificate, ...tls.certificates])]
  return arns.flatMap(arn => certificates.get(arn) ?? [])
}

/**
 * How a listener speaks TLS; `undefined`: it does not.
 *
 * @param known what it may equal: that one is the answer then
 */
export function listenerTls(
  { tls }: Listener,
  { secret }: LoadBalancer,
  certificates: readonly Certificate[],
  known: SnapshotTls | undefined,
): SnapshotTls | undefined {
  if (tls === undefined) return undefined
  const { sslPolicy, alpnPolicy } = tls
  const fresh: SnapshotTls = {
    certificates: certificates.map(snapshotCertificate),
    sslPolicy,
    ...(alpnPolicy !== undefined && { alpnPolicy }),
    ...(secret !== undefined && { secret }),
  }
  const isSame =
    known !== undefined &&
    sameItems(known.certificates, fresh.certificates) &&
    known.sslPolicy === sslPolicy &&
    known.alpnPolicy === alpnPolicy &&
    known.secret === secret
  return isSame ? known : fresh
}

const made = new WeakMap<Certificate, SnapshotCertificate>()

function snapshotCertificate(of: Certificate): SnapshotCertificate {
  return made.getOrInsertComputed(of, ({ arn, names, keyAlgorithm, notBefore, notAfter, privateKey, ...pem }) => {
    const certificates = [pem.certificate, pem.chain].map(text => text.trimEnd()).filter(text => text !== '')
    return { arn, names, keyAlgorithm, notBefore, notAfter, certificates: `${certificates.join('\n')}\n`, privateKey }
  })
}
