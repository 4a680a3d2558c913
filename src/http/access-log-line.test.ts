import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { accessLogEntry as entry, groupArn } from './access-log.fixture.ts'
import type { ConnectionLogEntry } from './access-log.ts'
import { accessLogLine, connectionLogLine } from './access-log-line.ts'

test('an access log has the entries that AWS shows for HTTP, HTTPS and WebSockets', () => {
  assert.equal(
    accessLogLine(entry),
    `http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - ${groupArn} "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-"`,
  )
  const certificate = 'arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012'
  assert.equal(
    accessLogLine({
      ...entry,
      type: 'https',
      requestProcessingMs: 86,
      targetProcessingMs: 48,
      responseProcessingMs: 37,
      receivedBytes: 0,
      sentBytes: 57,
      url: 'https://www.example.com:443/',
      sslCipher: 'ECDHE-RSA-AES128-GCM-SHA256',
      sslProtocol: 'TLSv1.2',
      traceId: 'Root=1-58337281-1d84f3d73c47ec4e58577259',
      domainName: 'www.example.com',
      chosenCertArn: certificate,
      rulePriority: 1,
    }),
    `https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 ${groupArn} "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "${certificate}" 1 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-"`,
  )
  assert.equal(
    accessLogLine({
      ...entry,
      type: 'ws',
      clientAddress: '10.0.0.140',
      clientPort: 40914,
      target: '10.0.1.192:8010',
      requestProcessingMs: 1,
      targetProcessingMs: 3,
      elbStatus: 101,
      targetStatus: 101,
      receivedBytes: 218,
      sentBytes: 587,
      url: 'http://10.0.0.30:80/',
      userAgent: '',
      traceId: 'Root=1-58337364-23a8c76965a2ef7629b185e3',
      rulePriority: 1,
      targets: ['10.0.1.192:8010'],
      targetStatuses: [101],
    }),
    `ws 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 10.0.0.140:40914 10.0.1.192:8010 0.001 0.003 0.000 101 101 218 587 "GET http://10.0.0.30:80/ HTTP/1.1" "-" - - ${groupArn} "Root=1-58337364-23a8c76965a2ef7629b185e3" "-" "-" 1 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.1.192:8010" "101" "-" "-" TID_1234abcd5678ef90 "-" "-" "-"`,
  )
})

test('what there was not is a hyphen, and a time that was not reached is -1', () => {
  assert.equal(
    accessLogLine({
      ...entry,
      target: '',
      requestProcessingMs: -1,
      targetProcessingMs: -1,
      responseProcessingMs: -1,
      elbStatus: 400,
      targetStatus: 0,
      method: '',
      url: 'http://www.example.com:80-',
      version: '',
      userAgent: '',
      targetGroupArn: '',
      traceId: '',
      rulePriority: -1,
      actions: '',
      targets: [],
      targetStatuses: [],
      verdict: { class: 'Severe', reason: 'BadContentLength' },
      connectionTraceId: '',
    }),
    'http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - -1 -1 -1 400 - 34 366 "- http://www.example.com:80- -" "-" - - - "-" "-" "-" - 2018-07-02T22:22:48.364000Z "-" "-" "-" "-" "-" "Severe" "BadContentLength" - "-" "-" "-"',
  )
})

test('every target that was tried is listed with what it answered', () => {
  const line = accessLogLine({ ...entry, targets: ['10.0.0.1:80', '10.0.0.2:80'], targetStatuses: [0, 200] })
  assert.ok(line.includes(' "10.0.0.1:80 10.0.0.2:80" "- 200" '), line)
})

test('whatever a client says, an entry is one line of 33 fields', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const text = (length: number) => String.fromCharCode(...Array.from({ length }, () => random(256)))
  for (let i = 0; i < 300; i++) {
    const line = accessLogLine({
      ...entry,
      userAgent: text(1 + random(40)),
      url: text(1 + random(40)),
      traceId: text(1 + random(40)),
      domainName: text(1 + random(40)),
      redirectUrl: text(1 + random(40)),
    })
    assert.match(line, /^[ -~]*$/, `seed ${seed}`)
    assert.equal(line.match(/"[^"]*"|[^ "]+/g)?.length, 33, `seed ${seed}: ${line}`)
  }
  assert.ok(accessLogLine({ ...entry, userAgent: 'a"b\\c\n\u00e9' }).includes(' "a\\x22b\\x5Cc\\x0A\\xE9" '))
})

/** AWS: Connection log entries, without a client certificate. */
const connection: ConnectionLogEntry = {
  time: Date.parse('2023-10-04T17:05:15.514Z') + 0.108,
  clientAddress: '203.0.113.1',
  clientPort: 36280,
  listenerPort: 443,
  tlsProtocol: 'TLSv1.2',
  tlsCipher: 'ECDHE-RSA-AES128-GCM-SHA256',
  handshakeMs: 4_036,
  verifyStatus: 'Success',
  traceId: 'TID_3180a73013c8ca4bac2f731159d4b0fe',
}

test('a connection log has the entries that AWS shows, of handshakes that failed too', () => {
  assert.equal(
    connectionLogLine(connection),
    '2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 "-" - - Success TID_3180a73013c8ca4bac2f731159d4b0fe',
  )
  assert.equal(
    connectionLogLine({
      ...connection,
      tlsProtocol: '',
      tlsCipher: '',
      handshakeMs: -1,
      verifyStatus: 'Failed:UnmappedConnectionError',
    }),
    '2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 - - - "-" - - Failed:UnmappedConnectionError TID_3180a73013c8ca4bac2f731159d4b0fe',
  )
})
