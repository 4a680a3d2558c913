/**
 * The three clients that people drive AWS with, behind one door: an operation's name and its input, as AWS's API names
 * them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { EC2 } from '@aws-sdk/client-ec2'
import { ECS } from '@aws-sdk/client-ecs'
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'
import { STS } from '@aws-sdk/client-sts'
import { runAws } from '../../src/api/run-aws.fixture.ts'
import { outlasting } from './outlasting.ts'

type SdkService = 'elbv2' | 'ec2' | 'ecs' | 'sts'
/** As the AWS CLI and boto3 name them. */
type ServiceName = SdkService | 'acm' | 'deploy' | 'cloudwatch'

/** Calls one operation: `driver('elbv2', 'CreateListener', {...})`. Rejects with an `AwsError`. */
export type Driver<Name = SdkService> = (service: Name, operation: string, input?: object) => Promise<Answer>

// What an operation answers is known to the story that asked; the drivers pass on JSON.
// biome-ignore lint/suspicious/noExplicitAny: three clients' untyped JSON
export type Answer = any

class AwsError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const environment = {
  ...process.env,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_PAGER: '',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
}

/** The JavaScript SDK, version 3. */
export function sdkDriver(endpoint: string): Driver {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const configuration = { endpoint, region: 'us-east-1', credentials, retryStrategy: outlasting }
  const clients = {
    elbv2: new ElasticLoadBalancingV2(configuration),
    ec2: new EC2(configuration),
    ecs: new ECS(configuration),
    sts: new STS(configuration),
  }
  return async (service, operation, input = {}) => {
    const client = clients[service] as unknown as Record<string, (input: object) => Promise<Answer>>
    const method = operation.charAt(0).toLowerCase() + operation.slice(1)
    try {
      return await client[method]?.(input)
    } catch (error) {
      // The SDK adds `Exception` to modelled codes; the wire carries them without.
      throw new AwsError((error as Error).name.replace(/Exception$/, ''), (error as Error).message)
    }
  }
}

/** The AWS CLI. A `Uint8Array` of the input goes to it as a file. */
export function cliDriver(endpoint: string): Driver<ServiceName> {
  const dashed = (name: string) => name.replace(/(?<=[a-z])[A-Z]/g, letter => `-${letter}`).toLowerCase()
  return async (service, operation, input = {}) => {
    const [bytes, texts] = [true, false].map(wanted =>
      Object.entries(input).filter(([, value]) => value instanceof Uint8Array === wanted),
    ) as [[string, Uint8Array][], [string, unknown][]]
    const folder = bytes.length > 0 ? mkdtempSync(join(tmpdir(), 'sluice-cli-')) : undefined
    const files = bytes.flatMap(([name, value]) => {
      const path = join(String(folder), name)
      writeFileSync(path, value, { mode: 0o600 })
      return [`--${dashed(name)}`, `fileb://${path}`]
    })
    const args = [
      service,
      dashed(operation),
      '--endpoint-url',
      endpoint,
      '--output',
      'json',
      '--cli-input-json',
      JSON.stringify(Object.fromEntries(texts)),
      ...files,
    ]
    try {
      const { stdout } = await runAws(args, environment)
      return stdout.trim() === '' ? {} : JSON.parse(stdout)
    } catch (error) {
      const stderr = String((error as { stderr?: string }).stderr)
      const [, code = 'Unknown', message = stderr] =
        /An error occurred \((\w[\w.]*)\) when calling[^:]*: ([\s\S]*)/.exec(stderr) ?? []
      throw new AwsError(code, message.trim())
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true })
    }
  }
}

/** A service's operations under the JavaScript SDK's names, each called by the AWS CLI. Times come as the CLI prints them. */
export function cliClient<Client extends object>(endpoint: string, service: ServiceName): Client {
  const driver = cliDriver(endpoint)
  const operation = (method: string) => `${method.charAt(0).toUpperCase()}${method.slice(1)}`
  return new Proxy({} as Client, {
    get: (_, method) => (input?: object) => driver(service, operation(String(method)), input),
  })
}

/** `aws SERVICE wait STATE`, with what its operation is asked: resolves once it is there. */
export function cliWaiter(endpoint: string) {
  return async (service: ServiceName, state: string, input: object): Promise<void> => {
    const args = [service, 'wait', state, '--endpoint-url', endpoint, '--cli-input-json', JSON.stringify(input)]
    await runAws(args, environment)
  }
}

const pythonLoop = `
import json, sys, boto3
from botocore.exceptions import ClientError
clients = {}
for line in sys.stdin:
    service, operation, payload = json.loads(line)
    client = clients.setdefault(service, boto3.client(service, endpoint_url=sys.argv[1]))
    method = next(m for m, o in client.meta.method_to_api_mapping.items() if o == operation)
    try:
        answer = getattr(client, method)(**payload)
        answer.pop('ResponseMetadata', None)
        out = {'answer': answer}
    except ClientError as error:
        out = {'code': error.response['Error']['Code'], 'message': error.response['Error']['Message']}
    print(json.dumps(out, default=str), flush=True)
`

/** boto3, under the first Python that has it. */
export function boto3Driver(t: TestContext, endpoint: string, python: string): Driver {
  const child: ChildProcess = spawn(python, ['-c', pythonLoop, endpoint], {
    env: environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill())
  if (child.stdout === null || child.stdin === null) throw new Error('python has no pipes')
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { stdin } = child
  return async (service, operation, input = {}) => {
    stdin.write(`${JSON.stringify([service, operation, input])}\n`)
    const { value, done } = await answers.next()
    if (done) throw new Error('python ended')
    const { answer, code, message } = JSON.parse(value)
    if (code !== undefined) throw new AwsError(code, message)
    return answer
  }
}
