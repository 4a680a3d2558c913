/** Picks a whole number from 0 up to but not including `below`. */
export type Random = (below: number) => number

/** What means something to one parser or another. */
const tokens = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '=',
  '&',
  '%',
  '%00',
  '"',
  '{',
  '}',
  '[',
  '0',
  '-1',
  '\x0b',
  '\x7f',
  '\xa0',
  '\xff',
  '99999999999999999999',
  '0x10',
  'chunked',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: b\r\n',
  'Connection: close\r\n',
  'HTTP/1.1',
  'HTTP/0.9',
  '\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  '..',
  '//',
  '#',
  '?',
  '__proto__',
  '\x16\x03\x01',
  '\ud800',
].map(text => Buffer.from(text, 'latin1'))

/** One to eight changes at any place: bytes changed, dropped, doubled, put in, cut off, or followed by another seed's end. */
export function mutate(seeds: readonly Buffer[], random: Random): Buffer {
  const any = <T>(items: readonly T[]) => items[random(items.length)]!
  let bytes = Buffer.from(any(seeds))
  for (let changes = 1 + random(8); changes > 0; changes--) {
    const at = random(bytes.length + 1)
    const length = random(Math.min(64, bytes.length - at + 1))
    const [before, middle, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, at + length),
      bytes.subarray(at + length),
    ]
    const ways = [
      () => [before, Buffer.from(middle.map(byte => byte ^ (1 << random(8)))), after],
      () => [before, after],
      () => [before, middle, middle, after],
      () => [before, any(tokens), middle, after],
      () => [before, any(tokens), after],
      () => [before],
      () => [before, any(seeds).subarray(random(20))],
      () => [before, Buffer.alloc(1 << random(15), any(tokens)), middle, after],
    ]
    bytes = Buffer.concat(any(ways)())
  }
  return bytes
}

export function noise(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random(3_000) }, () => random(256)))
}
