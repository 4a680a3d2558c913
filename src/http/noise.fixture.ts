/** Makes messages that are nearly in order, from pieces of which some are not. */
export function noise(random: (below: number) => number) {
  const oneOf = (list: readonly string[]): string => list[random(list.length)]!
  const several = (most: number, make: () => string) => Array.from({ length: random(most + 1) }, make).join('')

  const name = () => oneOf(random(4) > 0 ? names : oddNames)
  const value = () => oneOf(random(4) > 0 ? values : oddValues)
  const lineEnd = () => (random(40) > 0 ? '\r\n' : oneOf(['\n', '\r', '\r\r\n', '\n\r\n']))
  const field = () => `${name()}:${oneOf([' ', ' ', '', '\t ', ' \t'])}${value()}${lineEnd()}`
  const chunk = () => {
    const data = 'x'.repeat(random(20))
    return `${data.length.toString(16)}${oneOf(['', '', '', ';a=b', ' ', ';'])}${lineEnd()}${data}${lineEnd()}`
  }
  const body = () =>
    oneOf(['', 'abc', several(3, chunk), `${several(3, chunk)}0${lineEnd()}${several(2, field)}${lineEnd()}`])

  return {
    /** A request, or what could be taken for one, with what follows it. */
    request(): string {
      const version =
        random(8) > 0 ? 'HTTP/1.1' : oneOf(['HTTP/1.0', 'HTTP/0.9', '', 'HTTP/1.1 ', 'HTTP/2.0', 'HTTP/1.1 HTTP/1.1'])
      const target = random(4) > 0 ? oneOf(targets) : oneOf(oddTargets)
      const host = random(10) > 0 ? 'Host: a\r\n' : ''
      return `${oneOf(methods)} ${target} ${version}${lineEnd()}${host}${several(4, field)}${lineEnd()}${body()}`
    },
    response(): string {
      const line = oneOf([
        'HTTP/1.1 200 OK',
        'HTTP/1.0 200 OK',
        'HTTP/1.1 100 Continue',
        'HTTP/1.1 204',
        'HTTP/1.1 304 x',
        'HTTP/1.1 2x',
      ])
      return `${line}${lineEnd()}${several(4, field)}${lineEnd()}${body()}`
    },
    /** The same text, in pieces. */
    split(text: string): string[] {
      const pieces: string[] = []
      const most = oneOf(['1', '3', '20', '2000'])
      for (let at = 0; at < text.length; ) {
        const length = 1 + random(Number(most))
        pieces.push(text.slice(at, at + length))
        at += length
      }
      return pieces
    },
  }
}

const methods = ['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE']
const targets = ['/', '/a/b?c=d', '/?', '//x', '*', 'http://b:81/c?d', '/%41#e', '/\xc3\xa9']
const oddTargets = ['', '/a b', '/a\tb', '/\x01', '/\rb', '/\nb', '/\0', 'x', 'http://', '/a HTTP/1.1']
const names = [
  ...['Content-Length', 'content-length', 'Transfer-Encoding', 'TRANSFER-ENCODING', 'Connection', 'Upgrade', 'TE'],
  ...['Expect', 'Cookie', 'X-Forwarded-For', 'Trailer', 'Keep-Alive', 'User-Agent', 'Accept'],
]
const oddNames = [
  ...['Host', 'Content-Length ', ' Content-Length', 'Transfer_Encoding', '\x01Transfer-Encoding', 'Content\x0bLength'],
  ...['', 'a b', 'a\0b', '\tX', 'X-Invalid[]', 'Tran\xc5\xbffer-Encoding', `N${'n'.repeat(17_000)}`],
]
const values = [
  '3',
  '0',
  '3',
  'chunked',
  'Chunked',
  'close',
  'keep-alive',
  'upgrade, te',
  'websocket',
  '100-continue',
  'trailers',
  'v',
]
const oddValues = [
  '03',
  '+3',
  '3, 3',
  '3 3',
  '',
  'identity',
  'gzip, chunked',
  'chunked, chunked',
  '\x0bchunked',
  'a\0b',
  'a\rb',
  'a\r\n b',
  '\x7f',
  '9'.repeat(17_000),
  '\xff',
]
