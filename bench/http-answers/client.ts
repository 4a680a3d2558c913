/** Asks target.ts through a balancer: ADDRESS PORT REQUESTS SEED, over 64 connections. Prints an `Outcome` as JSON. */
import { connect } from 'node:net'
import { randomFrom } from '../../src/domain/random.fixture.ts'

export interface Outcome {
  whole: number
  /** The connection ended before the answer did. */
  cut: number
  /** Answers without a token, by status. */
  readonly refused: Record<string, number>
  /** Requests that this client gave up, with those behind them. */
  aborted: number
  wrong: number
  /** Of what was wrong, a few. */
  readonly examples: string[]
}

interface Awaited {
  readonly token: string
  readonly length: number
}

const [host = '', port = '', count = '', seed = ''] = process.argv.slice(2)
const connections = 64
const shareAborted = 0.1
const below = randomFrom(Number(seed) + 1)
const random = () => below(2 ** 30) / 2 ** 30
const outcome: Outcome = { whole: 0, cut: 0, refused: {}, aborted: 0, wrong: 0, examples: [] }
let [begun, open] = [0, 0]

/** Asks and asks again over one connection, until that has ended or there is nothing left to ask; then over the next. */
function converse(): void {
  if (begun >= Number(count)) {
    if (open === 0) process.stdout.write(JSON.stringify(outcome), () => process.exit())
    return
  }
  open++
  const socket = connect({ host, port: Number(port), noDelay: true })
  socket.setEncoding('latin1').setTimeout(30_000, () => socket.destroy())
  const awaited: Awaited[] = []
  let [text, abortsAtData, isAborted] = ['', false, false]

  const abort = () => {
    isAborted = true
    if (random() < 0.5) socket.resetAndDestroy()
    else socket.destroy()
  }
  const ask = () => {
    if (begun >= Number(count)) {
      socket.end()
      return
    }
    let bytes = ''
    const pipelined = random() < 0.1 ? 3 : 1
    for (let n = 0; n < pipelined; n++) {
      const asked = {
        token: `<${(begun++).toString(36)}-${Math.floor(random() * 2 ** 32).toString(36)}>`,
        length: lengthOf(),
      }
      awaited.push(asked)
      bytes += requestOf(asked)
    }
    const how = random() / shareAborted
    if (how < 0.3) {
      socket.write(bytes.slice(0, Math.floor(random() * bytes.length)), 'latin1', abort)
      return
    }
    socket.write(bytes, 'latin1')
    if (how < 0.6) setTimeout(abort, Math.floor(random() * 5))
    else abortsAtData = how < 1
  }
  const take = () => {
    while (awaited.length > 0) {
      const { length, isWrong, status } = read(text, awaited[0]!)
      if (isWrong !== '') {
        outcome.wrong++
        if (outcome.examples.length < 5) outcome.examples.push(`asked ${JSON.stringify(awaited[0])}: ${isWrong}`)
        awaited.shift()
        abort()
        return
      }
      if (length === undefined) return
      text = text.slice(length)
      awaited.shift()
      if (status === '200') outcome.whole++
      else outcome.refused[status] = (outcome.refused[status] ?? 0) + 1
    }
    if (text !== '') {
      outcome.wrong++
      outcome.examples.push(`behind the answer: ${JSON.stringify(text.slice(0, 200))}`)
      text = ''
    }
    if (!socket.destroyed && !socket.readableEnded) ask()
  }
  socket.on('connect', ask)
  socket.on('data', (piece: string) => {
    if (isAborted) return
    text += piece
    if (abortsAtData) abort()
    else take()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    if (isAborted) outcome.aborted += awaited.length
    else outcome.cut += awaited.length
    open--
    converse()
  })
}

/** Mostly small, some larger than what is read at once. */
function lengthOf(): number {
  const kind = random()
  if (kind < 0.8) return Math.floor(random() * 600)
  return Math.floor(random() * (kind < 0.98 ? 6_000 : 150_000))
}

function requestOf({ token, length }: Awaited): string {
  const rest = 'Host: answers.example\r\n'
  const kind = random()
  if (kind < 0.7) return `GET /${length}/${token} HTTP/1.1\r\n${rest}\r\n`
  if (kind < 0.85) return `POST /${length} HTTP/1.1\r\n${rest}Content-Length: ${token.length}\r\n\r\n${token}`
  const chunks = [token.slice(0, 4), token.slice(4)].map(piece => `${piece.length.toString(16)}\r\n${piece}\r\n`)
  return `POST /${length} HTTP/1.1\r\n${rest}Transfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`
}

/** The answer that `text` begins with: how long it is, if it is whole, and what of it can't be this one's. */
function read(
  text: string,
  asked: Awaited,
): { readonly length?: number; readonly status: string; readonly isWrong: string } {
  const headEnd = text.indexOf('\r\n\r\n')
  const status = text.slice(9, 12)
  if (headEnd < 0) return { status, isWrong: '' }
  const head = text.slice(0, headEnd)
  const from = headEnd + 4
  const [, contentLength] = /^content-length: *(\d+)/im.exec(head) ?? []
  const [, token] = /^x-token: *(\S*)/im.exec(head) ?? []
  const body = contentLength === undefined ? dechunk(text, from) : plain(text, from, Number(contentLength))
  const whole = body.end === undefined ? { status } : { status, length: body.end }
  // One that was made by the balancer.
  if (status !== '200') return { ...whole, isWrong: token === undefined ? '' : `${status} with a token: ${head}` }
  if (token !== asked.token) return { ...whole, isWrong: `token ${token}` }
  const expected = asked.token.repeat(Math.ceil(asked.length / asked.token.length)).slice(0, asked.length)
  if (!expected.startsWith(body.content) || (body.end !== undefined && body.content.length !== asked.length))
    return { ...whole, isWrong: `body of ${body.content.length}: ${body.content.slice(0, 100)}` }
  return { ...whole, isWrong: '' }
}

interface Body {
  readonly content: string
  /** Where it ends, if it is whole. */
  readonly end?: number
}

function plain(text: string, from: number, length: number): Body {
  const content = text.slice(from, from + length)
  return content.length < length ? { content } : { content, end: from + length }
}

function dechunk(text: string, from: number): Body {
  let [content, at] = ['', from]
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return { content }
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (size === 0) return text.length < lineEnd + 4 ? { content } : { content, end: lineEnd + 4 }
    content += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
    if (text.length < at) return { content }
  }
}

for (let n = 0; n < connections; n++) converse()
