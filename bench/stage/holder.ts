/**
 * Opens connections to echo.ts in whatever host it is started, and holds them until it is ended: ADDRESS PORT COUNT SOURCE. Prints
 * as JSON how many were greeted, what the others got instead, and by whom they were greeted as whom (`NAME ADDRESS`).
 */
import { connect } from 'node:net'

const [host = '', port = '', count = '', localAddress = ''] = process.argv.slice(2)
const atOnce = 50
const patienceMs = 5_000
const greetings = new Map<string, number>()
const failures: Record<string, number> = {}
let next = 0

/** One after another. */
async function openSome(): Promise<void> {
  while (next < Number(count)) {
    next++
    const [greeting, failure] = await open()
    if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1
    else greetings.set(greeting, (greetings.get(greeting) ?? 0) + 1)
  }
}

function open(): Promise<readonly [greeting: string, failure?: string]> {
  return new Promise(resolve => {
    const socket = connect({ host, port: Number(port), localAddress })
    const fail = (what: string) => {
      socket.destroy()
      resolve(['', what])
    }
    const timer = setTimeout(() => fail('nothing for 5 s'), patienceMs)
    socket.once('data', data => {
      clearTimeout(timer)
      resolve([data.toString().split(' ').slice(0, 2).join(' ')])
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      fail(error.code ?? error.message)
    })
  })
}

await Promise.all(Array.from({ length: atOnce }, openSome))
const greeted = [...greetings.values()].reduce((sum, count) => sum + count, 0)
console.log(JSON.stringify({ greeted, failures, greetings: Object.fromEntries(greetings) }))
