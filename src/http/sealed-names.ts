import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** AES-256-GCM as NIST SP 800-38D recommends it. */
const algorithm = 'aes-256-gcm'
const nonceLength = 12
const tagLength = 16
/** How many opened ones are kept, twice at most. */
const keptCount = 4_096

interface Opened {
  readonly cookie: string
  readonly targetGroupArn: string
  readonly name: string
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/**
 * Names that clients carry for us: nobody else can read, make or alter them, and each is good for one purpose and until it expires.
 * Those that come back again and again are opened once.
 */
export class SealedNames {
  readonly #key: Buffer
  #recent = new Map<string, Opened>()
  #older = new Map<string, Opened>()

  /** @param secret the load balancer's; the key is made from it, so that all its processes have the same one */
  constructor(secret: string) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'stickiness cookies', 32))
  }

  /**
   * URL-safe text.
   * @param cookie what it is for, with the next: opened for anything else it is void
   * @param targetGroupArn empty: it belongs to none
   * @param expiresAt seconds since the epoch
   */
  seal(cookie: string, targetGroupArn: string, name: string, expiresAt: number): string {
    const nonce = randomBytes(nonceLength)
    const cipher = createCipheriv(algorithm, this.#key, nonce)
    cipher.setAAD(purposeOf(cookie, targetGroupArn))
    const sealed = cipher.update(`${expiresAt} ${name}`)
    return Buffer.concat([nonce, sealed, cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }

  /** The name; `undefined` for what was not sealed here for this purpose, or has expired. */
  open(cookie: string, targetGroupArn: string, text: string, now: number): string | undefined {
    const opened = this.#recent.get(text) ?? this.#recall(text) ?? this.#decrypt(cookie, targetGroupArn, text)
    if (opened === undefined || 1_000 * opened.expiresAt <= now) return undefined
    return opened.cookie === cookie && opened.targetGroupArn === targetGroupArn ? opened.name : undefined
  }

  #recall(text: string): Opened | undefined {
    const opened = this.#older.get(text)
    if (opened !== undefined) this.#keep(text, opened)
    return opened
  }

  #keep(text: string, opened: Opened): void {
    if (this.#recent.size >= keptCount) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    // A copy: as a slice it would keep all of the head that it came in.
    this.#recent.set(Buffer.from(text, 'latin1').toString('latin1'), opened)
  }

  #decrypt(cookie: string, targetGroupArn: string, text: string): Opened | undefined {
    const bytes = Buffer.from(text, 'base64url')
    const end = bytes.length - tagLength
    if (end <= nonceLength) return undefined
    const decipher = createDecipheriv(algorithm, this.#key, bytes.subarray(0, nonceLength))
    decipher.setAAD(purposeOf(cookie, targetGroupArn))
    decipher.setAuthTag(bytes.subarray(end))
    let plain: string
    try {
      plain = decipher.update(bytes.subarray(nonceLength, end), undefined, 'utf8') + decipher.final('utf8')
    } catch {
      // Forged, cut short, or for another purpose: as good as none.
      return undefined
    }
    const gap = plain.indexOf(' ')
    const opened = { cookie, targetGroupArn, name: plain.slice(gap + 1), expiresAt: Number(plain.slice(0, gap)) }
    this.#keep(text, opened)
    return opened
  }
}

function purposeOf(cookie: string, targetGroupArn: string): Buffer {
  return Buffer.from(`${cookie} ${targetGroupArn}`)
}
