import { commonErrors } from './errors.ts'

/**
 * A form's parameters as the tree that their dotted names describe: `Targets.member.1.Id=i-1` is `Targets` > `member` >
 * `1` > `Id`, whose text is `i-1`. A node has a text or members, never both.
 */
export interface FormNode {
  readonly text: string | undefined
  readonly members: ReadonlyMap<string, FormNode>
}

/**
 * Reads `application/x-www-form-urlencoded` bytes. Throws `MalformedQueryString` for a broken percent escape, bytes that are
 * no UTF-8, a name that comes twice, a name that is both a value and the beginning of others, or one nested too deep.
 */
export function parseForm(body: Uint8Array): FormNode {
  const root: Branch = { text: undefined, members: new Map() }
  for (const pair of decodeUtf8(body).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = unescapeForm(equals < 0 ? pair : pair.slice(0, equals))
    insert(root, name, equals < 0 ? '' : unescapeForm(pair.slice(equals + 1)))
  }
  return root
}

interface Branch {
  text: string | undefined
  members: Map<string, Branch>
}

/** AWS's own deepest parameter has 11 steps; the limit only keeps nonsense from becoming a deep recursion. */
const deepest = 24

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function insert(root: Branch, name: string, text: string): void {
  const steps = name.split('.', deepest + 1)
  if (steps.length > deepest) throw commonErrors.malformedQueryString(`Parameter '${shown(name)}' is nested too deep.`)
  let node = root
  for (const step of steps) {
    if (step === '')
      throw commonErrors.malformedQueryString(`Parameter '${shown(name)}' has an empty step in its name.`)
    if (node.text !== undefined) throw both(name)
    let next = node.members.get(step)
    if (next === undefined) {
      next = { text: undefined, members: new Map() }
      node.members.set(step, next)
    }
    node = next
  }
  if (node.text !== undefined) throw commonErrors.malformedQueryString(`Parameter '${shown(name)}' is given twice.`)
  if (node.members.size > 0) throw both(name)
  node.text = text
}

function both(name: string): Error {
  return commonErrors.malformedQueryString(
    `Parameter '${shown(name)}' has a value beside members, or is one of a value.`,
  )
}

function decodeUtf8(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch {
    throw commonErrors.malformedQueryString('The request body is not valid UTF-8.')
  }
}

function unescapeForm(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    throw commonErrors.malformedQueryString(`'${shown(text)}' has a percent escape that is not valid UTF-8.`)
  }
}

function shown(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`
}
