/**
 * Answers `GET /LENGTH/TOKEN`, and `POST /LENGTH` with the token as its body, with the token as X-Token and, over and over, as a
 * body of LENGTH bytes: on port 80 of whatever host it is started. SEED. Some answers die, some say more than was asked.
 */
import { createServer, type Socket } from 'node:net'
import { randomFrom } from '../../src/domain/random.fixture.ts'

const below = randomFrom(Number(process.argv[2]))
const random = () => below(2 ** 30) / 2 ** 30
const shareDying = 0.05
const shareSayingMore = 0.01
const shareSlow = 0.05

createServer({ noDelay: true }, socket => {
  let received = ''
  socket.setEncoding('latin1').on('error', () => {})
  socket.on('data', (text: string) => {
    received += text
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const head = received.slice(0, headEnd)
    const body = bodyOf(head, received.slice(headEnd + 4))
    if (body === undefined) return
    received = ''
    const [, length = '', token = ''] = head.slice(0, head.indexOf(' HTTP/')).split('/')
    answer(socket, token === '' ? body : token, Number(length))
  })
}).listen(80, '0.0.0.0', 8_192)

/** Undefined: it is not whole. */
function bodyOf(head: string, rest: string): string | undefined {
  const [, length] = /^content-length: *(\d+)/im.exec(head) ?? []
  if (length !== undefined) return rest.length < Number(length) ? undefined : rest
  if (!/^transfer-encoding: *chunked/im.test(head)) return ''
  if (!rest.endsWith('0\r\n\r\n')) return undefined
  let body = ''
  for (let at = 0; ; ) {
    const size = Number.parseInt(rest.slice(at), 16)
    if (size === 0) return body
    at = rest.indexOf('\r\n', at) + 2
    body += rest.slice(at, at + size)
    at += size + 2
  }
}

function answer(socket: Socket, token: string, length: number): void {
  const text = token.repeat(Math.ceil(length / Math.max(1, token.length))).slice(0, length)
  const isChunked = random() < 0.3
  const closes = random() < 0.02
  const head = `HTTP/1.1 200 OK\r\nX-Token: ${token}\r\n${closes ? 'Connection: close\r\n' : ''}`
  const middle = Math.floor(length / 2)
  const chunk = (piece: string) => (piece === '' ? '' : `${piece.length.toString(16)}\r\n${piece}\r\n`)
  const whole = isChunked
    ? `${head}Transfer-Encoding: chunked\r\n\r\n${chunk(text.slice(0, middle))}${chunk(text.slice(middle))}0\r\n\r\n`
    : `${head}Content-Length: ${length}\r\n\r\n${text}`
  if (token !== '' && random() < shareDying) {
    // From its first byte to its last but one.
    const sent = whole.slice(0, Math.floor(random() * whole.length))
    socket.write(sent, 'latin1', () => (random() < 0.5 ? socket.resetAndDestroy() : socket.destroy()))
  } else if (length < 1_000 && random() < shareSayingMore) {
    // With the answer in one write: what came with the next request under way would be that one's answer.
    socket.write(`${whole}HTTP/1.1 200 OK\r\nX-Token: nobody\r\nContent-Length: 6\r\n\r\nnobody`, 'latin1')
  } else if (random() < shareSlow) {
    const at = Math.floor(random() * whole.length)
    socket.write(whole.slice(0, at), 'latin1')
    setTimeout(() => end(socket, whole.slice(at), closes), Math.floor(random() * 20))
  } else {
    end(socket, whole, closes)
  }
}

function end(socket: Socket, text: string, closes: boolean): void {
  if (closes) socket.end(text, 'latin1')
  else socket.write(text, 'latin1')
}
