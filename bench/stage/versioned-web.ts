/**
 * A web service as a task: VERSION. On HOST and PORT it answers each request, once it is whole, with its version and a line's end,
 * and each message of a WebSocket with its version, a space and the message. SIGTERM ends it. With SEEN in its environment the X-Request
 * of each request is written as a line to the end of that file, as soon as the request's head is there.
 */
import { openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const [version = ''] = process.argv.slice(2)
const { HOST = '127.0.0.1', PORT = '0', SEEN } = process.env
const seen = SEEN === undefined ? undefined : openSync(SEEN, 'a')

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const number = request.headers['x-request']
  if (seen !== undefined && number !== undefined) writeSync(seen, `${number}\n`)
  request.resume().on('end', () => response.end(`${version}\n`))
})
new WebSocketServer({ server }).on('connection', socket => {
  socket.on('error', () => {})
  socket.on('message', data => socket.send(`${version} ${data}`))
})
server.listen({ port: Number(PORT), host: HOST, backlog: 4_096 })
process.on('SIGTERM', () => process.exit(0))
console.log(`${version} serves on ${HOST}:${PORT}`)
