import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printSnapshot } from './print-snapshot.ts'
import { emptySnapshot, type Snapshot } from './snapshot.ts'

test('a snapshot prints as one line a listener, a route, a group, a target, a guard and a rule', () => {
  const traits = { targetGroupArn: 'arn:tg', sticky: false, proxyProtocol: false, preserveClientIp: false }
  const address = { listenerArn: 'arn:l', address: '10.0.1.4', port: 80, idleTimeoutMs: 350_000, synproxy: false }
  const snapshot: Snapshot = {
    revision: 12,
    listeners: [
      {
        ...address,
        id: 'TCP 10.0.1.4 80',
        protocol: 'TCP',
        synproxy: true,
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
    guards: [
      {
        id: 'i-1',
        address: '10.9.0.2',
        rules: [
          { protocol: 'UDP', fromPort: 80, toPort: 80, cidrs: ['10.0.0.0/8'], through: ['TCP 10.0.1.4 80'] },
          { protocol: 'TCP', fromPort: 0, toPort: 65_535, cidrs: ['10.1.0.0/16', '10.3.0.0/16'], through: [] },
          { protocol: 'ICMP', fromPort: 8, toPort: -1, cidrs: ['0.0.0.0/0'], through: [] },
          { protocol: 'ALL', fromPort: 0, toPort: 65_535, cidrs: ['10.0.1.4/32'], through: [] },
        ],
      },
      { id: 'i-2', address: '10.9.0.3', rules: [] },
    ],
  }
  assert.equal(
    printSnapshot(snapshot),
    `revision 12
listener TCP 10.0.1.4 80, idle 350 s, admits everyone, SYN cookies
  90 arn:tg TCP *
listener UDP 10.0.1.4 80, idle 120 s, admits nobody
group arn:tg TCP *, proxy protocol
  serve 10.9.0.1 80
  drain 10.9.0.2 80 (i-1)
guard i-1 10.9.0.2
  UDP 80 from 10.0.0.0/8 (TCP 10.0.1.4 80)
  TCP 0-65535 from 10.1.0.0/16 10.3.0.0/16
  ICMP 8 -1 from 0.0.0.0/0
  ALL from 10.0.1.4/32
guard i-2 10.9.0.3
`,
  )
  assert.equal(printSnapshot(emptySnapshot), 'revision 0\n')
})
