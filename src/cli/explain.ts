import { parseFlow } from '../domain/explain.ts'
import type { FlowExplanation } from '../explanation.ts'
import { inquire } from './inquiry.ts'
import { readOptions, UsageError } from './options.ts'

/**
 * `sluice explain udp 10.9.0.2:5555 10.9.0.1:8080`: prints which way a new flow takes through the running Sluice.
 * Answers the exit code: 0 where a target would get it, 1 where not, or where there is no answer.
 * @throws UsageError
 */
export async function explainCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const [protocol = '', from = '', to = '', ...flags] = args
  const options = readOptions(flags, environment)
  if (parseFlow(protocol, from, to) === undefined) {
    throw new UsageError(
      `explain needs a flow: sluice explain udp 10.9.0.2:5555 10.9.0.1:8080, or tcp '[2001:db8::2]:5555' '[::1]:80'`,
    )
  }
  const answer = await inquire<FlowExplanation>(options, {
    path: '/_sluice/explain',
    parameters: { from, protocol, to },
  })
  if (typeof answer === 'string') {
    process.stderr.write(`${answer}\n`)
    return 1
  }
  process.stdout.write(`${answer.lines.join('\n')}\n`)
  return answer.isServed ? 0 : 1
}
