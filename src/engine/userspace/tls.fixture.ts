import { type IssuedKeyAlgorithm, issueCertificate, localAuthority } from '../../api/acm/authority.ts'
import type { SnapshotCertificate, SnapshotTls } from '../../domain/snapshot.ts'
import { emptyState } from '../../domain/state.ts'
import { TlsContexts } from './tls-contexts.ts'
import { Handshakes } from './tls-server.ts'

/** What one process has of TLS. */
export function tlsOptions(problems: string[] = []) {
  return {
    contexts: new TlsContexts(),
    handshakes: new Handshakes(),
    onProblem: (line: string) => {
      problems.push(line)
    },
  }
}

const { authority } = localAuthority(emptyState, { account: '1', region: 'test', now: Date.now() })

/** A certificate of an authority that is this process's, whose root follows it; its ARN says its first name and its key. */
export function certificateFor(
  names: readonly string[],
  keyAlgorithm: IssuedKeyAlgorithm = 'EC_prime256v1',
): SnapshotCertificate {
  const { certificate, ...issued } = issueCertificate(authority, names, keyAlgorithm, Date.now())
  return {
    ...issued,
    arn: `arn:${names[0]}/${keyAlgorithm}`,
    names,
    keyAlgorithm,
    certificates: certificate + authority.certificate,
  }
}

export function snapshotTls(
  certificates: readonly SnapshotCertificate[],
  changes: Partial<SnapshotTls> = {},
): SnapshotTls {
  return { certificates, sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06', secret: 'ab12', ...changes }
}
