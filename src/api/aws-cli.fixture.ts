import { execFileSync } from 'node:child_process'
import { runAws } from './run-aws.fixture.ts'

/** The AWS CLIs of this machine: the one that a shell finds first, and Debian's, which is older. */
export function awsPrograms(): readonly string[] {
  const found = execFileSync('sh', ['-c', 'command -v aws; command -v /usr/bin/aws; true'], { encoding: 'utf8' })
  return [...new Set(found.split('\n').filter(path => path !== ''))]
}

/**
 * Runs the AWS CLI on the server at `url` with a line's words and, after them, arguments that may have spaces. Rejects with what
 * it says on stderr.
 */
export function awsCli(url: string, { program = 'aws', environment = {} } = {}) {
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'thing',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_PAGER: '',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    ...environment,
  }
  const print = async (line: string, ...more: readonly string[]): Promise<string> => {
    // Before 2.13 it does not know AWS_ENDPOINT_URL.
    const args = [...line.split(' '), ...more, '--endpoint-url', url, '--output', 'json']
    return (await runAws(args, env, program)).stdout
  }
  return {
    /** Answers what it prints. */
    print,
    /** Answers the JSON that it prints, if it prints anything. */
    // What it prints is the API's JSON, whose shape the assertions are about.
    // biome-ignore lint/suspicious/noExplicitAny: see above
    async run(line: string, ...more: readonly string[]): Promise<any> {
      const printed = await print(line, ...more)
      return printed === '' ? undefined : JSON.parse(printed)
    },
  }
}
