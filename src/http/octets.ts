/**
 * What a byte may be in a message's head (RFC 9110 section 5.5 and 5.6.2, RFC 3986 appendix A), as tables: one look per byte.
 * `1` is the usual case, `0` what does not belong there.
 */

const isAlphanumeric = (c: number) => (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122)

const table = (classOf: (c: number) => number) => Uint8Array.from({ length: 256 }, (_, c) => classOf(c))

const among = (characters: string) => (c: number) => characters.includes(String.fromCharCode(c))

const isOtherTokenOctet = among("!#$%&'*+.^_`|~")

/** Of names and methods. `1`: letters, digits and hyphens; `2`: other characters of a token. */
export const tokenOctets = table(c => (isAlphanumeric(c) || c === 45 ? 1 : isOtherTokenOctet(c) ? 2 : 0))

/** Of values: all but control characters; the horizontal tab is none here. */
export const valueOctets = table(c => (c === 9 || (c >= 32 && c !== 127) ? 1 : 0))

/** Of a request's target: all but blanks and control characters, so that what browsers and clients really send passes. */
export const targetOctets = table(c => (c > 32 && c !== 127 ? 1 : 0))

const isOtherHostOctet = among("-._~!$&'()*+,;=:[]%")

/** Of a host with its port: no user information, no path. */
export const hostOctets = table(c => (isAlphanumeric(c) || isOtherHostOctet(c) ? 1 : 0))

/** The value of a hexadecimal digit; 255: it is none. */
export const hexValues = table(c => {
  if (c >= 48 && c <= 57) return c - 48
  const letter = c | 0x20
  return letter >= 97 && letter <= 102 ? letter - 87 : 255
})

export const isBlank = (c: number | undefined) => c === 32 || c === 9
