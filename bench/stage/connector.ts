/**
 * Opens connections to echo.ts in whatever host it is started, and closes each once it is greeted: PORT PER-SECOND SECONDS
 * ADDRESS..., the addresses by turns. As many a second as is said, however long they take. Prints as JSON how many were greeted,
 * the others by what came instead, and how long the greeting took, in ms.
 */
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const [port = '', perSecond = '', seconds = '', ...addresses] = process.argv.slice(2)
const total = Number(perSecond) * Number(seconds)
const patienceMs = 10_000
const times: number[] = []
const failures: Record<string, number> = {}

function open(n: number): Promise<void> {
  return new Promise(resolve => {
    const began = performance.now()
    const socket = connect({ host: addresses[n % addresses.length]!, port: Number(port) })
    const fail = (what: string) => {
      failures[what] = (failures[what] ?? 0) + 1
      socket.destroy()
      resolve()
    }
    const timer = setTimeout(() => fail('nothing for 10 s'), patienceMs)
    socket.once('data', () => {
      clearTimeout(timer)
      times.push(performance.now() - began)
      socket.end()
      resolve()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      fail(error.code ?? error.message)
    })
  })
}

const began = performance.now()
const underway: Promise<void>[] = []
while (underway.length < total) {
  const due = Math.min(total, Math.ceil(((performance.now() - began) / 1_000) * Number(perSecond)))
  while (underway.length < due) underway.push(open(underway.length))
  await pause(1)
}
await Promise.all(underway)
times.sort((a, b) => a - b)
const at = (share: number) => Math.round(10 * (times[Math.ceil(share * times.length) - 1] ?? 0)) / 10
console.log(JSON.stringify({ greeted: times.length, failures, p50: at(0.5), p99: at(0.99), slowest: at(1) }))
process.exit()
