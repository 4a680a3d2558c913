import type { AccessLogEntry } from './access-log.ts'
import { compliant } from './head.ts'

export const groupArn = 'arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067'

/** AWS's example of an HTTP entry: Access log entries, Example log entries. */
export const accessLogEntry: AccessLogEntry = {
  type: 'http',
  time: Date.parse('2018-07-02T22:23:00.186Z') + 0.641,
  createdAt: Date.parse('2018-07-02T22:22:48.364Z'),
  loadBalancer: 'app/my-loadbalancer/50dc6c495c0c9188',
  clientAddress: '192.168.131.39',
  clientPort: 2817,
  target: '10.0.0.1:80',
  requestProcessingMs: 0,
  targetProcessingMs: 1,
  responseProcessingMs: 0,
  elbStatus: 200,
  targetStatus: 200,
  receivedBytes: 34,
  sentBytes: 366,
  method: 'GET',
  url: 'http://www.example.com:80/',
  version: 'HTTP/1.1',
  userAgent: 'curl/7.46.0',
  sslCipher: '',
  sslProtocol: '',
  targetGroupArn: groupArn,
  traceId: 'Root=1-58337262-36d228ad5d99923122bbe354',
  domainName: '',
  chosenCertArn: '',
  rulePriority: 0,
  actions: 'forward',
  redirectUrl: '',
  errorReason: '',
  targets: ['10.0.0.1:80'],
  targetStatuses: [200],
  verdict: compliant,
  connectionTraceId: 'TID_1234abcd5678ef90',
}
