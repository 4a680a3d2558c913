/**
 * Many clients in whatever host it is started: PROTOCOL ADDRESS PORT COUNT FIRST-SOURCE-PORT (0: any). Each is a flow with a number,
 * and sends `FLOW NUMBER` when it is told to by a line on standard input: `send`, `start PER-SECOND`, `stop`.
 *
 * It prints `READY` once all are bound or connected, `SENT NUMBER` each time all have sent, `GOT FLOW NUMBER NAME ADDRESS PORT`
 * for each answer and where it came from, and `END FLOW CODE` for each connection that ended: `FIN`, or the error's code.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const [protocol = '', address = '', port = '', count = '', firstPort = ''] = process.argv.slice(2)
const print = (line: string) => process.stdout.write(`${line}\n`)
const got = (answer: string, from: string) => {
  const [name, flow, number] = answer.trim().split(' ')
  print(`GOT ${flow} ${number} ${name} ${from}`)
}

const flows = await Promise.all(
  Array.from({ length: Number(count) }, async (_, flow): Promise<(text: string) => void> => {
    const localPort = Number(firstPort) === 0 ? 0 : Number(firstPort) + flow
    if (protocol === 'UDP') {
      const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 16 })
      socket.on('message', (data, from) => got(String(data), `${from.address} ${from.port}`))
      // A refusal on the way is a lost datagram, which the numbers show.
      socket.on('error', () => {})
      socket.bind(localPort)
      await once(socket, 'listening')
      return text => socket.send(text, Number(port), address)
    }
    const socket = connect({ host: address, port: Number(port), localPort })
    socket.setNoDelay(true)
    socket.on('data', data => {
      for (const line of String(data).trim().split('\n')) got(line, `${socket.remoteAddress} ${socket.remotePort}`)
    })
    socket.on('end', () => print(`END ${flow} FIN`))
    socket.on('error', error => print(`END ${flow} ${(error as NodeJS.ErrnoException).code}`))
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {})
    return text => socket.destroyed || socket.write(`${text}\n`)
  }),
)
print('READY')

let number = -1
let timer: NodeJS.Timeout | undefined
function send(): void {
  number++
  for (const [flow, its] of flows.entries()) its(`${flow} ${number}`)
  print(`SENT ${number}`)
}
createInterface({ input: process.stdin }).on('line', line => {
  const [command, perSecond] = line.split(' ')
  clearInterval(timer)
  if (command === 'send') send()
  if (command === 'start') timer = setInterval(send, 1000 / Number(perSecond))
})
