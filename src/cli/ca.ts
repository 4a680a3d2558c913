import { inquire } from './inquiry.ts'
import { readOptions } from './options.ts'

/** The body of `GET /_sluice/ca`: PEM. */
export interface RootCertificate {
  readonly certificate: string
}

/**
 * `sluice ca`: prints the root of the certificates that the running Sluice issues; it is made where there is none yet. Answers the
 * exit code: 0, or 1 where there is no answer.
 * @throws UsageError
 */
export async function caCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const answer = await inquire<RootCertificate>(readOptions(args, environment), { path: '/_sluice/ca' })
  if (typeof answer === 'string') {
    process.stderr.write(`${answer}\n`)
    return 1
  }
  process.stdout.write(answer.certificate)
  return 0
}
