import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printSnapshot } from './print-snapshot.ts'
import { emptySnapshot, type Snapshot } from './snapshot.ts'

test('a snapshot prints as one line a listener, a route, a group and a target', () => {
  const traits = { targetGroupArn: 'arn:tg', sticky: false, proxyProtocol: false, preserveClientIp: false }
  const address = { listenerArn: 'arn:l', address: '10.0.1.4', port: 80, idleTimeoutMs: 350_000 }
  const snapshot: Snapshot = {
    revision: 12,
    listeners: [
      {
        ...address,
        id: 'TCP 10.0.1.4 80',
        protocol: 'TCP',
        admit: undefined,
        route: [{ group: 'arn:tg TCP *', weight: 90 }],
      },
      { ...address, id: 'UDP 10.0.1.4 80', protocol: 'UDP', admit: [], route: [], idleTimeoutMs: 120_000 },
    ],
    groups: [
      {
        ...traits,
        id: 'arn:tg TCP *',
        proxyProtocol: true,
        targets: [
          { key: 'arn:tg 10.9.0.1 80', address: '10.9.0.1', port: 80, mode: 'serve' },
          { key: 'arn:tg i-1 80', address: '10.9.0.2', port: 80, mode: 'drain' },
        ],
      },
    ],
  }
  assert.equal(
    printSnapshot(snapshot),
    `revision 12
listener TCP 10.0.1.4 80, idle 350 s, admits everyone
  90 arn:tg TCP *
listener UDP 10.0.1.4 80, idle 120 s, admits nobody
group arn:tg TCP *, proxy protocol
  serve 10.9.0.1 80
  drain 10.9.0.2 80 (i-1)
`,
  )
  assert.equal(printSnapshot(emptySnapshot), 'revision 0\n')
})
