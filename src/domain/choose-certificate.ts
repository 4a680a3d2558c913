/** What a client says of itself in its hello (RFC 8446 section 4.1.2), as far as the choice of a certificate needs it. */
export interface ClientOffer {
  /** Lower-case; absent: it sent no SNI. */
  readonly serverName?: string
  readonly tls13: boolean
  /** Code points (IANA: TLS Cipher Suites). */
  readonly ciphers: readonly number[]
  /** Code points (IANA: TLS SignatureScheme); absent: before TLS 1.2 clients did not say. */
  readonly signatures?: readonly number[]
}

/** What the choice looks at. */
export interface Candidate {
  /** Lower-case, `*.example.com` included. */
  readonly names: readonly string[]
  /** AWS's spelling: `RSA_2048`, `EC_prime256v1`. */
  readonly keyAlgorithm: string
  /** Of the hash that it is signed with: 256 for SHA-256. */
  readonly hashBits: number
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

/** ECDSA and RSA ciphers below TLS 1.3 that the security policy has, as code points. */
export interface MutualCiphers {
  readonly tls13: boolean
  readonly ecdsa: ReadonlySet<number>
  readonly rsa: ReadonlySet<number>
}

/** A listener's certificates, by the names they are for. */
export interface CertificateChoice<T extends Candidate> {
  readonly standard: T
  readonly ciphers: MutualCiphers
  /** The preferred one first. */
  readonly byName: ReadonlyMap<string, readonly T[]>
}

/** Code points of what the security policies list (IANA: TLS Cipher Suites), without those of TLS 1.3. */
const codes: Readonly<Record<string, number>> = {
  'ECDHE-ECDSA-AES128-GCM-SHA256': 0xc02b,
  'ECDHE-RSA-AES128-GCM-SHA256': 0xc02f,
  'ECDHE-ECDSA-AES128-SHA256': 0xc023,
  'ECDHE-RSA-AES128-SHA256': 0xc027,
  'ECDHE-ECDSA-AES128-SHA': 0xc009,
  'ECDHE-RSA-AES128-SHA': 0xc013,
  'ECDHE-ECDSA-AES256-GCM-SHA384': 0xc02c,
  'ECDHE-RSA-AES256-GCM-SHA384': 0xc030,
  'ECDHE-ECDSA-AES256-SHA384': 0xc024,
  'ECDHE-RSA-AES256-SHA384': 0xc028,
  'ECDHE-ECDSA-AES256-SHA': 0xc00a,
  'ECDHE-RSA-AES256-SHA': 0xc014,
  'AES128-GCM-SHA256': 0x009c,
  'AES128-SHA256': 0x003c,
  'AES128-SHA': 0x002f,
  'AES256-GCM-SHA384': 0x009d,
  'AES256-SHA256': 0x003d,
  'AES256-SHA': 0x0035,
  'DES-CBC3-SHA': 0x000a,
}

/** In TLS 1.3 a scheme names the key's curve as well (RFC 8446 section 4.2.3). */
const schemesOfCurves: Readonly<Record<string, number>> = {
  EC_prime256v1: 0x0403,
  EC_secp384r1: 0x0503,
  EC_secp521r1: 0x0603,
}

/** @param certificates the default one first; at least one  @param ciphers and the next: the security policy's */
export function certificateChoice<T extends Candidate>(
  certificates: readonly [T, ...T[]],
  { ciphers, protocols }: { readonly ciphers: readonly string[]; readonly protocols: readonly string[] },
): CertificateChoice<T> {
  const byName = new Map<string, T[]>()
  for (const certificate of [...certificates].sort(byPreference))
    for (const name of new Set(certificate.names)) byName.getOrInsertComputed(name, () => []).push(certificate)
  const known = ciphers.filter(name => name in codes)
  const isEcdsa = (name: string) => name.includes('-ECDSA-')
  return {
    standard: certificates[0],
    byName,
    ciphers: {
      tls13: protocols.includes('TLSv1.3'),
      ecdsa: new Set(known.filter(isEcdsa).map(name => codes[name]!)),
      rsa: new Set(known.filter(name => !isEcdsa(name)).map(name => codes[name]!)),
    },
  }
}

/**
 * The certificate to show. Of those for the client's name, an exact name before a wildcard: the first, in the order of
 * preference, that the client can check and that is valid now; else one that it can check, valid or not; else the first. Without
 * SNI, or with a name that none is for, the default one (AWS: HTTPS listener certificates).
 */
export function chooseCertificate<T extends Candidate>(
  { standard, byName, ciphers }: CertificateChoice<T>,
  offer: ClientOffer,
  now: number,
): T {
  const name = offer.serverName
  if (name === undefined) return standard
  const exact = byName.get(name)
  const wildcard = byName.get(`*${name.slice(name.indexOf('.'))}`)
  const first = exact?.[0] ?? wildcard?.[0]
  if (first === undefined) return standard
  let usable: T | undefined
  for (const list of [exact, wildcard]) {
    for (const candidate of list ?? []) {
      if (!canCheck(candidate, offer, ciphers)) continue
      if (candidate.notBefore <= now && now < candidate.notAfter) return candidate
      usable ??= candidate
    }
  }
  return usable ?? first
}

/** ECDSA before RSA, then the hash with more bits, the longer key, the longer validity (AWS: HTTPS listener certificates). */
function byPreference(a: Candidate, b: Candidate): number {
  return (
    Number(isEc(b)) - Number(isEc(a)) ||
    b.hashBits - a.hashBits ||
    keyBits(b) - keyBits(a) ||
    b.notAfter - b.notBefore - (a.notAfter - a.notBefore)
  )
}

function isEc({ keyAlgorithm }: Candidate): boolean {
  return keyAlgorithm.startsWith('EC_')
}

function keyBits({ keyAlgorithm }: Candidate): number {
  return Number(/\d+/.exec(keyAlgorithm)?.[0] ?? 0)
}

function canCheck(candidate: Candidate, offer: ClientOffer, mutual: MutualCiphers): boolean {
  const { signatures, ciphers } = offer
  if (isEc(candidate)) {
    if (offer.tls13 && mutual.tls13) return signatures?.includes(schemesOfCurves[candidate.keyAlgorithm] ?? 0) === true
    return ciphers.some(code => mutual.ecdsa.has(code)) && (signatures?.some(isEcdsaScheme) ?? true)
  }
  if (offer.tls13 && mutual.tls13) return signatures?.some(isPssScheme) === true
  return ciphers.some(code => mutual.rsa.has(code)) && (signatures?.some(isRsaScheme) ?? true)
}

function isEcdsaScheme(scheme: number): boolean {
  return scheme >> 8 < 7 && (scheme & 0xff) === 3
}

function isPssScheme(scheme: number): boolean {
  return scheme >= 0x0804 && scheme <= 0x0806
}

function isRsaScheme(scheme: number): boolean {
  return isPssScheme(scheme) || (scheme >> 8 < 7 && (scheme & 0xff) === 1)
}
