/**
 * Many UDP clients in whatever host it is started: ADDRESS PORT FIRST-SOURCE-PORT FLOWS PER-SECOND. Each sends numbers from a port
 * of its own. Once each has had an answer it prints `TALKING`; told by SIGUSR2 to stop, it waits for late answers and prints
 * `FLOW SOURCE-PORT SENT LOST NAMES` for each that lost any or heard of more than one target, and `TOTAL SENT LOST MOVED`.
 */
import { createSocket } from 'node:dgram'
import { setTimeout as pause } from 'node:timers/promises'

const [address = '', port = '', firstPort = '', count = '', perSecond = ''] = process.argv.slice(2)
const print = (line: string) => process.stdout.write(`${line}\n`)

const flows = Array.from({ length: Number(count) }, (_, i) => {
  const flow = { source: Number(firstPort) + i, sent: 0, unanswered: new Set<number>(), names: new Set<string>() }
  const socket = createSocket('udp4')
  socket.on('message', data => {
    const [name = '', number] = String(data).split(' ')
    flow.names.add(name)
    flow.unanswered.delete(Number(number))
  })
  // A refusal on the way is a lost datagram, which the counts show.
  socket.on('error', () => {})
  socket.bind(flow.source)
  const send = () => {
    flow.unanswered.add(++flow.sent)
    socket.send(`${flow.sent}`, Number(port), address)
  }
  return Object.assign(flow, { send })
})

const intervalMs = 1_000 / Number(perSecond)
// Not all at once: that would be a queue, not a stream.
const timers: NodeJS.Timeout[] = []
for (const [i, { send }] of flows.entries())
  setTimeout(() => timers.push(setInterval(send, intervalMs)), (i * intervalMs) / flows.length)

const watch = setInterval(() => {
  if (flows.some(({ names }) => names.size === 0)) return
  clearInterval(watch)
  print('TALKING')
}, 20)

process.on('SIGUSR2', async () => {
  for (const timer of timers) clearInterval(timer)
  await pause(500)
  for (const { source, sent, unanswered, names } of flows)
    if (unanswered.size > 0 || names.size > 1) print(`FLOW ${source} ${sent} ${[...unanswered]} ${[...names]}`)
  const sum = (of: (flow: (typeof flows)[number]) => number) => flows.reduce((total, flow) => total + of(flow), 0)
  print(
    `TOTAL ${sum(({ sent }) => sent)} ${sum(({ unanswered }) => unanswered.size)} ${sum(({ names }) => Number(names.size > 1))}`,
  )
})
