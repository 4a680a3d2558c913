import type { Snapshot } from '../domain/snapshot.ts'
import type { State } from '../domain/state.ts'
import type { Problem } from '../engine/engine.ts'

/** Certificates of listeners that `snapshot` could not be given, because there is no such record in the state it was made from. */
export function certificateProblems(state: State, snapshot: Snapshot): readonly Problem[] {
  return snapshot.listeners.flatMap(({ id, listenerArn, tls }): readonly Problem[] => {
    const asked = tls && state.listeners.get(listenerArn)?.tls
    if (asked === undefined) return []
    const missing = new Set([asked.defaultCertificate, ...asked.certificates]).difference(state.certificates)
    return Array.from(missing, arn => ({ listener: id, listenerArn, reason: reasonFor(arn, listenerArn) }))
  })
}

function reasonFor(certificateArn: string, listenerArn: string): string {
  return (
    `there is no certificate ${certificateArn} any more: give the listener another one ` +
    `(aws elbv2 modify-listener --listener-arn ${listenerArn} --certificates CertificateArn=...)`
  )
}
