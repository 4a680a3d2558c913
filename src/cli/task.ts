import { scheduler } from 'node:timers/promises'
import { inquire } from './inquiry.ts'
import { type Options, readOptions, UsageError } from './options.ts'

/** The body of `GET /_sluice/task-logs?task=ID`: the newest that the task wrote, in base64, because it may be anything. */
export interface TaskOutput {
  readonly output: string
}

const followMs = 500

/**
 * `sluice task logs [--follow] ID`: prints what a task of the running Sluice wrote, its newest; with `--follow`, also what it goes on
 * to write. The id may be the task's ARN. Answers the exit code: 0, or 1 where there is no answer.
 * @throws UsageError
 */
export async function taskCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const [verb, ...given] = args
  const follows = given.includes('--follow')
  const task = given.find(arg => /^(arn:.+\/)?[0-9a-f]{32}$/.test(arg))
  if (verb !== 'logs' || task === undefined) {
    throw new UsageError('task needs: sluice task logs [--follow] ID, which `aws ecs list-tasks` tells')
  }
  const id = task.slice(task.lastIndexOf('/') + 1)
  const flags = given.filter(arg => arg !== '--follow' && arg !== task)
  const options = readOptions(flags, environment)
  let printed: Buffer = Buffer.alloc(0)
  for (;;) {
    const output = await outputOf(options, id)
    if (typeof output === 'string') {
      process.stderr.write(`${output}\n`)
      return 1
    }
    process.stdout.write(newIn(output, printed))
    if (!follows) return 0
    printed = output
    // Unlike a timer of the clock's, this keeps the process alive.
    await scheduler.wait(followMs)
  }
}

async function outputOf(options: Options, id: string): Promise<Buffer | string> {
  const answer = await inquire<TaskOutput>(options, { path: '/_sluice/task-logs', parameters: { task: id } })
  return typeof answer === 'string' ? answer : Buffer.from(answer.output, 'base64')
}

/**
 * What `now` has beyond `before`, where both are the end of one stream at the times they were read: what `before` ends with is
 * what `now` begins with, as much of it as can be.
 */
export function newIn(now: Buffer, before: Buffer): Buffer {
  const first = now.subarray(0, 1)
  for (let at = before.indexOf(first); at >= 0 && at < before.length; at = before.indexOf(first, at + 1)) {
    const length = before.length - at
    if (now.subarray(0, length).equals(before.subarray(at))) return now.subarray(length)
  }
  return now
}
