/**
 * Many connections to echo.ts in whatever host it is started: ADDRESS PORT COUNT. Each sends a line ten times a second. Once all
 * have been greeted it prints `TALKING`; told by SIGUSR2 to stop, `TOTAL BROKEN`: those that ended, or did not hear their last line.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const [address = '', port = '', count = ''] = process.argv.slice(2)
const heard = new Map<Socket, string>()

const sockets = await Promise.all(
  Array.from({ length: Number(count) }, async () => {
    const socket = connect({ host: address, port: Number(port), noDelay: true })
    socket.setEncoding('utf8')
    await once(socket, 'data')
    socket.on('data', (text: string) => heard.set(socket, text))
    socket.on('error', () => {})
    return socket
  }),
)
let number = 0
const timer = setInterval(() => {
  number++
  for (const socket of sockets) socket.write(`${number}\n`)
}, 100)
process.stdout.write('TALKING\n')

process.on('SIGUSR2', async () => {
  clearInterval(timer)
  await pause(500)
  const broken = sockets.filter(socket => !heard.get(socket)?.endsWith(`${number}\n`))
  process.stdout.write(`TOTAL ${broken.length}\n`)
  process.exit()
})
