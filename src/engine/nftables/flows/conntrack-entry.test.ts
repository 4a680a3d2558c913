import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../../../domain/cidr.ts'
import { NetlinkMessages } from '../netlink/netlink-message.ts'
import { ConntrackEntry, type Tuple } from './conntrack-entry.ts'

/** Messages of Linux 6.18, as `conntrack -I` made the flows. */
const recorded = {
  udp:
    '020000003400018014000180080001000a090002080002000a0900011c00028005000100110000000600020015b30000060003001f900000' +
    '3400028014000180080001000a090102080002000a0900021c000280050001001100000006000200232800000600030015b3000008000300' +
    '000001a808000800ab00000108000c00fb067f7e08000b000000000108000700000000631c00188008000100000000000800020000000000' +
    '0800030000000000',
  'tcp6, zone 7':
    '0a0000004c0001802c00018014000300fd09000000000000000000000000000214000400fd0900000000000000000000000000011c000280' +
    '05000100060000000600020015b30000060003001f9000004c0002802c00018014000300fd09000100000000000000000000000214000400' +
    'fd0900000000000000000000000000021c000280050001000600000006000200232800000600030015b30000060012000007000008000300' +
    '000001ae08000800ab00000208000c002a661fe108000b0000000001080007000000015d300004802c000180050001000300000005000200' +
    '000000000500030000000000060004000a000000060005000a0000001c001880080001000000000008000200000000000800030000000000',
}

function viewOf(hex: string): DataView {
  const bytes = Buffer.from(hex, 'hex')
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function text({ source, sourcePort, destination, destinationPort }: Tuple): string {
  return `${formatAddress(source)} ${sourcePort} > ${formatAddress(destination)} ${destinationPort}`
}

test('one entry reads message after message, and nothing of the last one is left', () => {
  const entry = new ConntrackEntry()
  for (let round = 0; round < 2; round++) {
    entry.read(viewOf(recorded['tcp6, zone 7']))
    assert.deepEqual(
      [entry.family, entry.protocol, entry.mark, entry.status, entry.tcpState, entry.timeout, entry.id],
      [10, 6, 0xab000002, 0x1ae, 3, 349, 0x2a661fe1],
    )
    assert.equal(entry.listener, 'TCP fd09::1 8080')
    assert.equal(text(entry.original), 'fd09::2 5555 > fd09::1 8080')
    assert.equal(text(entry.reply), 'fd09:1::2 9000 > fd09::2 5555')

    entry.read(viewOf(recorded.udp))
    assert.deepEqual(
      [entry.family, entry.protocol, entry.mark, entry.status, entry.tcpState, entry.timeout, entry.id],
      [2, 17, 0xab000001, 0x1a8, 0, 99, 0xfb067f7e],
    )
    assert.equal(entry.listener, 'UDP 10.9.0.1 8080')
    assert.equal(text(entry.original), '10.9.0.2 5555 > 10.9.0.1 8080')
    assert.equal(text(entry.reply), '10.9.1.2 9000 > 10.9.0.2 5555')
  }
})

test('a kept entry stays as it was', () => {
  const bytes = Buffer.from(recorded.udp, 'hex')
  const entry = new ConntrackEntry()
  entry.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length))
  const kept = entry.kept()
  bytes.fill(0, 4)
  entry.read(viewOf(recorded['tcp6, zone 7']))
  assert.equal(kept.listener, 'UDP 10.9.0.1 8080')
  assert.equal(text(kept.original), '10.9.0.2 5555 > 10.9.0.1 8080')
  assert.equal(kept.id, 0xfb067f7e)
})

test('an entry is named by its original tuple, its zone and its id', () => {
  const entry = new ConntrackEntry()
  entry.read(viewOf(recorded['tcp6, zone 7']))
  const messages = new NetlinkMessages()
  entry.putName(messages)
  const tuple = recorded['tcp6, zone 7'].slice(8, 8 + 2 * 0x4c)
  assert.equal(messages.numbered(1).toString('hex'), `${tuple}060012000007000008000c002a661fe1`)
})
