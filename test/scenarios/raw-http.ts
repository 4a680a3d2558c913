/** HTTP said byte by byte, and what comes back as it came. */
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { until } from './sluice.ts'

export interface Conversation {
  readonly socket: Socket
  /** Its port here, once it is connected. */
  localPort: number
  /** All that came, latin1. */
  text: string
  /** Status of the last answer that came; 0: none did. */
  readonly status: number
  /** `performance.now()` of the first byte of an answer, of the last one, and of the end; 0: not yet. */
  answeredAt: number
  activeAt: number
  endedAt: number
  /** The end was a reset. */
  isReset: boolean
  say(text: string): void
  /** Waits for an answer's head. */
  answered(ms?: number): Promise<void>
  ended(ms?: number): Promise<void>
}

/** A connection to 127.0.0.1 on which `text` (latin1) is said at once. It ends with the test. */
export function converse(t: TestContext, port: number, text = ''): Conversation {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const conversation: Conversation = {
    socket,
    localPort: 0,
    text: '',
    get status() {
      const heads = [...this.text.matchAll(/(?:^|\n)HTTP\/1\.[01] (\d{3}) /g)]
      return Number(heads.at(-1)?.[1] ?? 0)
    },
    answeredAt: 0,
    activeAt: 0,
    endedAt: 0,
    isReset: false,
    say: said => socket.write(said, 'latin1'),
    answered: async ms => {
      await until('an answer', () => conversation.text.includes('\r\n\r\n'), ms)
    },
    ended: async ms => {
      await until('the connection ends', () => conversation.endedAt > 0, ms)
    },
  }
  socket.on('connect', () => (conversation.localPort = socket.localPort ?? 0))
  socket.setEncoding('latin1').on('data', (said: string) => {
    conversation.activeAt = performance.now()
    conversation.answeredAt ||= conversation.activeAt
    conversation.text += said
  })
  socket.on('end', () => (conversation.endedAt ||= performance.now()))
  socket.on('error', () => (conversation.isReset = true))
  socket.on('close', () => (conversation.endedAt ||= performance.now()))
  t.after(() => socket.destroy())
  if (text !== '') conversation.say(text)
  return conversation
}
