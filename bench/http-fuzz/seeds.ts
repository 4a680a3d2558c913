/** What is mutated: one well or nearly well formed thing for each door. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'dns-packet'
import { parse } from 'yaml'

const folder = join(import.meta.dirname, '../../src/http/desync')

interface Case {
  readonly method: string
  readonly uri: string
  readonly version: string
  readonly headers: readonly { readonly name: string; readonly value: string | number }[] | null
}

/** The requests of AWS's desync test data, and such as they don't have: bodies, pipelines, upgrades, much of everything. */
export const requests: readonly Buffer[] = [
  ...globSync('*.yaml', { cwd: folder })
    .flatMap(file => parse(readFileSync(join(folder, file), 'utf8')) as readonly Case[])
    .map(({ method, uri, version, headers }) => {
      const lines = (headers ?? []).map(({ name, value }) => `${name}: ${value}\r\n`)
      return `${method} ${uri} ${version}\r\nHost: fuzz.example\r\n${lines.join('')}\r\n`
    }),
  'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x="y"\r\nabc\r\n0\r\nTrailer: t\r\n\r\n',
  'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: b\r\n\r\n',
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x85',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
  `GET /${'a'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(12_000)}\r\n`,
  `GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${'10.0.0.1, '.repeat(50)}10.0.0.1\r\nCookie: AWSALB=${'A'.repeat(300)}; AWSALBTG=${'/+'.repeat(100)}\r\n\r\n`,
].map(text => Buffer.from(text, 'latin1'))

const form = (body: string, service = 'elasticloadbalancing') =>
  call(body, 'application/x-www-form-urlencoded', service)
const call = (body: string, type: string, service: string, target = '') =>
  `POST / HTTP/1.1\r\nHost: 127.0.0.1:4566\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=00\r\nContent-Type: ${type}\r\n${target === '' ? '' : `X-Amz-Target: ${target}\r\n`}Content-Length: ${body.length}\r\n\r\n${body}`

/** Calls that change nothing that others look at. */
export const apiCalls: readonly Buffer[] = [
  form('Action=DescribeLoadBalancers&Version=2015-12-01&PageSize=3&Names.member.1=bench'),
  form(
    'Action=CreateTargetGroup&Version=2015-12-01&Name=fuzz&Protocol=HTTP&Port=80&VpcId=vpc-1&Matcher.HttpCode=200-299',
  ),
  form(
    'Action=CreateRule&Version=2015-12-01&Priority=1&Conditions.member.1.Field=path-pattern&Conditions.member.1.Values.member.1=%2F*',
  ),
  form('Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=cidr&Filter.1.Value.1=10.0.0.0%2F8', 'ec2'),
  form('Action=GetCallerIdentity&Version=2011-06-15', 'sts'),
  call(
    '{"CertificateStatuses":["ISSUED"],"MaxItems":5}',
    'application/x-amz-json-1.1',
    'acm',
    'CertificateManager.ListCertificates',
  ),
  call(
    '{"Certificate":"LS0t","PrivateKey":"LS0t"}',
    'application/x-amz-json-1.1',
    'acm',
    'CertificateManager.ImportCertificate',
  ),
  call('{"cluster":"default"}', 'application/x-amz-json-1.1', 'ecs', 'AmazonEC2ContainerServiceV20141113.ListServices'),
  call(
    '{"applicationName":"a","tags":[{"Key":"k"}]}',
    'application/x-amz-json-1.1',
    'codedeploy',
    'CodeDeploy_20141006.CreateApplication',
  ),
  'GET /_sluice/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: x\r\n\r\n',
  'GET /_sluice/explain?protocol=TCP&from=1.2.3.4:5&to=10.9.0.1:80 HTTP/1.1\r\nHost: localhost\r\nAuthorization: x\r\n\r\n',
].map(text => Buffer.from(text, 'latin1'))

export const dnsQueries: readonly Buffer[] = ['bench.elb.sluice.internal', 'x.example'].map(name =>
  Buffer.from(encode({ type: 'query', id: 7, questions: [{ type: 'A', name }] })),
)
