/**
 * Connections that take their time, in whatever host it is started: ADDRESS PORT COUNT KIND. `idle`: had an answer, and asks no
 * more; `head`: a field every two seconds, and no end; `body`: some bytes of an announced body as slowly; `read`: asks for 100 kB and
 * reads nothing. Prints READY once all have begun; holds until it is ended.
 */
import { connect, type Socket } from 'node:net'

const [host = '', port = '', count = '', kind = ''] = process.argv.slice(2)
const start = 'HTTP/1.1\r\nHost: slow.example\r\n'
const kinds: Record<string, { readonly first: string; readonly more: string }> = {
  idle: { first: `GET / ${start}\r\n`, more: '' },
  head: { first: `GET / ${start}`, more: 'X-Slow: yes\r\n' },
  body: { first: `POST / ${start}Content-Length: 1000000\r\n\r\n`, more: 'slow' },
  read: { first: `GET /100k ${start}\r\n`, more: '' },
}
const { first, more } = kinds[kind]!
const sockets: Socket[] = []
let connected = 0

for (let n = 0; n < Number(count); n++) {
  const socket = connect({ host, port: Number(port) }, () => {
    socket.write(first)
    if (++connected === Number(count)) process.stdout.write('READY\n')
  })
  socket.on('error', () => {})
  if (kind === 'read') socket.pause()
  else socket.resume()
  sockets.push(socket)
  if (n % 200 === 199) await new Promise(resolve => setTimeout(resolve, 50))
}
// Without it, sockets that are not read would not keep this process.
setInterval(() => {
  if (more !== '') for (const socket of sockets) if (socket.writable) socket.write(more)
}, 2_000)
