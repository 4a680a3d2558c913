import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** unix(7): a socket's path has 108 bytes on Linux, 104 on macOS, with the zero at its end. */
const longestPath = 100

/**
 * Where the two ends of a data directory's feed meet: in the directory, or, where that path is too long for a socket, in a
 * directory of our own below the system's temporary one, which is made here. Throws where somebody else has it.
 */
export function feedPath(dataDirectory: string): string {
  const directory = resolve(dataDirectory)
  const path = join(directory, 'feed.sock')
  if (Buffer.byteLength(path) <= longestPath) return path
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16)
  const short = join(tmpdir(), `sluice-${hash}`, 'feed.sock')
  ownDirectory(dirname(short))
  return short
}

/** Everybody may write to the temporary directory; who makes this one first could otherwise feed us a state. */
function ownDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const stat = lstatSync(path)
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    throw new Error(`${path} is not a directory that only this user can use: remove it, or choose a shorter --data-dir`)
  }
}
