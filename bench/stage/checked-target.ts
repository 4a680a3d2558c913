/** Answers health checks in whatever host it is started: PORT. Prints for each `ADDRESS MS`: which address, and when since the epoch. */
import { createServer } from 'node:http'

createServer((request, response) => {
  process.stdout.write(`${request.socket.localAddress} ${performance.timeOrigin + performance.now()}\n`)
  response.end('ok')
}).listen(Number(process.argv[2]), '0.0.0.0', 4_096)
