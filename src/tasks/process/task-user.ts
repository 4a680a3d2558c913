import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Who runs tasks. */
export interface TaskUser {
  readonly uid: number
  readonly gid: number
}

/**
 * The user of this name and his own group, wherever the system knows him from.
 * @throws Error with one line for the operator
 */
export async function taskUser(name: string): Promise<TaskUser> {
  const run = promisify(execFile)
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async what => Number((await run('id', [what, '--', name])).stdout)),
    )
    if (uid !== undefined && gid !== undefined) return { uid, gid }
  } catch {
    // `id` says it in several lines.
  }
  throw new Error(`there is no user '${name}' to run tasks: say --task-user NAME`)
}
