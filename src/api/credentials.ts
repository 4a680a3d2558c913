import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'

/** Secret access keys by access key id. */
export type Credentials = ReadonlyMap<string, string>

/**
 * Reads a file in the form of AWS's shared credentials file:
 *
 *     [alice]
 *     aws_access_key_id = AKIAIOSFODNN7EXAMPLE
 *     aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
 *
 * It must be ours and nobody else's to read (mode 0600). Throws an `Error` of one line that says what is wrong with it and
 * what to do; the line holds no secret.
 */
export function readCredentials(file: string): Credentials {
  return parseCredentials(file, readPrivate(file))
}

function readPrivate(file: string): string {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    throw new Error(`cannot read the credentials file ${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
  try {
    const status = fstatSync(descriptor)
    if (!status.isFile()) throw new Error(`the credentials file ${file} is not a regular file`)
    if (process.getuid !== undefined && status.uid !== process.getuid()) {
      throw new Error(
        `the credentials file ${file} belongs to user ${status.uid}: it must belong to ${process.getuid()}`,
      )
    }
    if ((status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0')
      throw new Error(`the credentials file ${file} has mode ${mode}: others could read it; run 'chmod 600 ${file}'`)
    }
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function parseCredentials(file: string, text: string): Credentials {
  const profiles = new Map<string, Map<string, string>>()
  let profile: Map<string, string> | undefined
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    const wrong = (what: string) => new Error(`the credentials file ${file}, line ${index + 1}: ${what}`)
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    const name = /^\[\s*([^\]]*?)\s*\]$/.exec(line)?.[1]
    if (name !== undefined) {
      if (profiles.has(name)) throw wrong(`the profile [${name}] is there twice`)
      profile = new Map()
      profiles.set(name, profile)
      continue
    }
    const [, key, value] = /^([a-z_]+)\s*=\s*(\S+)$/.exec(line) ?? []
    if (key === undefined || value === undefined) throw wrong("expected '[name]' or 'key = value'")
    if (profile === undefined) throw wrong(`'${key}' stands before the first [name]`)
    if (profile.has(key)) throw wrong(`'${key}' is there twice in one profile`)
    profile.set(key, value)
  }
  const credentials = new Map<string, string>()
  for (const [name, values] of profiles) {
    const accessKeyId = values.get('aws_access_key_id')
    const secretAccessKey = values.get('aws_secret_access_key')
    const wrong = (what: string) => new Error(`the credentials file ${file}, profile [${name}]: ${what}`)
    if (accessKeyId === undefined) throw wrong('it has no aws_access_key_id')
    if (!/^\w{1,128}$/.test(accessKeyId)) throw wrong('its aws_access_key_id is not made of letters and digits')
    if (secretAccessKey === undefined) throw wrong('it has no aws_secret_access_key')
    if (credentials.has(accessKeyId)) throw wrong('its aws_access_key_id is that of another profile')
    credentials.set(accessKeyId, secretAccessKey)
  }
  if (credentials.size === 0) throw new Error(`the credentials file ${file} has no credentials in it`)
  return credentials
}
