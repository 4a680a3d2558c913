/**
 * A client of echo.ts in whatever host it is started: PROTOCOL ADDRESS PORT SIZE WANTED, and as JSON what came of it.
 * UDP: 20 datagrams of SIZE bytes in 400 ms over one socket, each for an answer of WANTED bytes: who answered how many, or after
 * how many ms the system said that nobody is there. TCP: SIZE bytes, until they have come
 * back: who answered, whom he saw, and how long it took.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const [protocol = '', address = '', port = '', size = '', wanted = ''] = process.argv.slice(2)
const began = performance.now()
const say = (what: object) => {
  console.log(JSON.stringify(what))
  process.exit()
}

if (protocol === 'UDP') {
  const answeredBy: Record<string, number> = {}
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', message => {
    const name = message.toString('latin1', 0, message.indexOf(' '))
    answeredBy[name] = (answeredBy[name] ?? 0) + 1
  })
  let sentAt = 0
  const onError = (error: NodeJS.ErrnoException | null) => {
    // The first to meet a narrow hop is lost, and its sender is told.
    if (error !== null && error.code !== 'EMSGSIZE') say({ error: error.code, ms: performance.now() - sentAt })
  }
  socket.on('error', onError)
  socket.connect(Number(port), address)
  await once(socket, 'connect')
  const request = Buffer.alloc(Number(size))
  request.write(`want ${wanted} `)
  sentAt = performance.now()
  for (let n = 0; n < 20; n++) {
    socket.send(request, onError)
    await pause(20)
  }
  await pause(200)
  say({ answeredBy })
}

const connection = connect({ host: address, port: Number(port) })
connection.on('error', ({ message }) => say({ error: message }))
connection.write(Buffer.alloc(Number(size)))
let greeting = ''
let length = 0
connection.on('data', data => {
  greeting ||= data.toString('latin1', 0, data.indexOf('\n'))
  length += data.length
  const [name, from] = greeting.split(' ')
  if (length > Number(size)) say({ name, from, ms: performance.now() - began })
})
setTimeout(() => say({ error: `stuck after ${length} bytes` }), 5_000)
