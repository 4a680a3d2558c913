/**
 * Bob Jenkins's lookup3 (https://burtleburtle.net/bob/c/lookup3.c, `hashlittle`) exactly as Linux has it in
 * include/linux/jhash.h: nftables chooses a flow's slot by it, so that engines in and outside the kernel send the same flow
 * to the same target.
 *
 * @returns an unsigned 32-bit hash of the first `length` bytes
 */
export function jhash(bytes: Uint8Array, length: number, initval: number): number {
  let a = (0xdeadbeef + length + initval) | 0
  let b = a
  let c = a
  let at = 0
  let left = length
  while (left > 12) {
    a = (a + word(bytes, at, 4)) | 0
    b = (b + word(bytes, at + 4, 4)) | 0
    c = (c + word(bytes, at + 8, 4)) | 0
    a = ((a - c) ^ rotate(c, 4)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 6)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 8)) | 0
    b = (b + a) | 0
    a = ((a - c) ^ rotate(c, 16)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 19)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 4)) | 0
    b = (b + a) | 0
    at += 12
    left -= 12
  }
  if (left === 0) return c >>> 0
  a = (a + word(bytes, at, left)) | 0
  b = (b + word(bytes, at + 4, left - 4)) | 0
  c = (c + word(bytes, at + 8, left - 8)) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return c >>> 0
}

/** `hash` spread evenly over 0 ... `size` - 1, as the kernel's `reciprocal_scale`. Exact for sizes below 2^21. */
export function slotOf(hash: number, size: number): number {
  return Math.floor((hash * size) / 2 ** 32)
}

/** A little-endian word of the next `count` bytes, four at most; missing ones are zero. */
function word(bytes: Uint8Array, at: number, count: number): number {
  if (count >= 4) return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  let value = 0
  for (let i = 0; i < count; i++) value |= bytes[at + i]! << (8 * i)
  return value
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
