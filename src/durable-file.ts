import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Puts `text` in place of the file, so that after any crash it is the old one or the new one, whole. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const directory = await open(dirname(path))
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
