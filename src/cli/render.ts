import type { TargetHosts } from '../domain/target-hosts.ts'
import { inquire } from './inquiry.ts'
import { readOptions, UsageError } from './options.ts'
import { renderTargetRoutes } from './target-routes.ts'
import { renderTargetSecurity } from './target-security.ts'

/** What can be rendered for the hosts that targets run on, by the word before `render`. */
const renderers: Readonly<Record<string, (targets: TargetHosts) => string>> = {
  target: renderTargetRoutes,
  sg: renderTargetSecurity,
}

/**
 * `sluice target render` and `sluice sg render`, each with `--target-group ARN`: prints what the targets' own hosts need, made
 * by the running Sluice's state. Answers the exit code: 0, or 1 where there is no answer.
 * @throws UsageError
 */
export async function renderCommand(
  subject: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const render = renderers[subject]
  const [verb, ...given] = args
  const { value: targetGroup, rest } = takeFlag(given, 'target-group')
  if (render === undefined || verb !== 'render' || targetGroup === '') {
    throw new UsageError(`${subject} needs: sluice ${subject} render --target-group ARN`)
  }
  const answer = await inquire<TargetHosts>(readOptions(rest, environment), {
    path: '/_sluice/target-hosts',
    parameters: { 'target-group': targetGroup },
  })
  if (typeof answer === 'string') {
    process.stderr.write(`${answer}\n`)
    return 1
  }
  process.stdout.write(render(answer))
  return 0
}

/** The value of a flag that only this command has, empty where it is missing, and the other arguments. */
function takeFlag(args: readonly string[], name: string): { readonly value: string; readonly rest: readonly string[] } {
  const at = args.findIndex(arg => arg === `--${name}` || arg.startsWith(`--${name}=`))
  if (at < 0) return { value: '', rest: args }
  const [, joined] = args[at]?.split('=', 2) ?? []
  return { value: joined ?? args[at + 1] ?? '', rest: args.toSpliced(at, joined === undefined ? 2 : 1) }
}
