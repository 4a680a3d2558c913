/**
 * A client in whatever host it is started: PROTOCOL SOURCE-PORT ADDRESS PORT INTERVAL-MS. It sends a number each interval over
 * one socket, and prints `SENT NUMBER`, `GOT TEXT` for each answer, `END CODE` when the connection ends.
 */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

const [protocol = '', sourcePort = '0', address = '', port = '', intervalMs = '100'] = process.argv.slice(2)
const print = (line: string) => process.stdout.write(`${line}\n`)
let number = 0

if (protocol === 'UDP') {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (data, from) => print(`GOT ${data} from ${from.address} ${from.port}`))
  socket.on('error', error => print(`ERROR ${(error as NodeJS.ErrnoException).code}`))
  socket.bind(Number(sourcePort), () => {
    setInterval(() => {
      number++
      socket.send(`${number}`, Number(port), address)
      print(`SENT ${number}`)
    }, Number(intervalMs))
  })
} else {
  const connection = connect({ host: address, port: Number(port), localPort: Number(sourcePort) || undefined })
  connection.setNoDelay(true)
  connection.on('data', data => {
    for (const line of String(data).trim().split('\n')) print(`GOT ${line}`)
  })
  connection.on('error', error => print(`END ${(error as NodeJS.ErrnoException).code}`))
  connection.on('end', () => print('END FIN'))
  connection.on('connect', () => {
    print('CONNECTED')
    if (Number(intervalMs) > 0) {
      setInterval(() => {
        connection.write(`${++number}\n`)
        print(`SENT ${number}`)
      }, Number(intervalMs))
    }
  })
}
