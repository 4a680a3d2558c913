/**
 * `length` hex digits (32 at most) that are always the same for the same text: ids of what is derived and not stored.
 * Good for telling names apart, no secret.
 */
export function fixedHex(text: string, length: number): string {
  return (digits(text) + digits(`${text}\n`)).slice(0, length)
}

/** 64 bits: FNV-1a, then MurmurHash3's last steps, so that names that differ in their last letter look different. */
function digits(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (let i = 0; i < text.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n)
  }
  hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn)
  hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * 0xc4ceb9fe1a85ec53n)
  return (hash ^ (hash >> 33n)).toString(16).padStart(16, '0')
}
