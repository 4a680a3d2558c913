import type { Finding } from '../check/finding.ts'
import { findingsOf } from '../check/findings.ts'
import { type Design, stateOf } from '../design.ts'
import { inquire } from './inquiry.ts'
import { readOptions } from './options.ts'

/**
 * `sluice check [--json]`: prints what is wrong with the running design. Answers the exit code: 0 where nothing is, 1 with findings, 2 where
 * there is nobody to ask.
 * @throws UsageError
 */
export async function checkCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const isJson = args.includes('--json')
  const options = readOptions(
    args.filter(arg => arg !== '--json'),
    environment,
  )
  const design = await inquire<Design>(options, { path: '/_sluice/design' })
  if (typeof design === 'string') {
    process.stderr.write(`${design}\n`)
    return 2
  }
  const findings = findingsOf(stateOf(design))
  process.stdout.write(isJson ? `${JSON.stringify(findings, undefined, 2)}\n` : `${describeFindings(findings)}\n`)
  return findings.length === 0 ? 0 : 1
}

/** For a terminal, a paragraph each. */
function describeFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'Nothing was found that this design would be sorry for.'
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`
  return [
    ...findings.flatMap(finding => [...describe(finding), '']),
    `${count(errors, 'error')}, ${count(findings.length - errors, 'warning')}.`,
  ].join('\n')
}

function describe({ id, severity, subject, text, consequence, here, cure, commands }: Finding): string[] {
  return [
    `${severity} (${id}): ${subject}`,
    `  ${text}`,
    here === undefined ? `  ${consequence}` : `  On AWS: ${consequence}`,
    ...(here === undefined ? [] : [`  In Sluice's own time: ${here}`]),
    `  Cure: ${cure}`,
    ...commands.map(command => `    ${command}`),
  ]
}
