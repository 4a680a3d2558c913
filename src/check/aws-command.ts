/** An option's value: text, several words, or what is given as JSON. `true`: a flag. */
type Value = string | number | boolean | readonly string[] | object

/**
 * A command for the AWS CLI, quoted for a shell: `aws('elbv2 create-rule', { priority: 5, 'rule-arns': ['a', 'b'] })`. Words that begin with
 * `$` are left to the shell.
 */
export function aws(command: string, options: Readonly<Record<string, Value>>): string {
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, ...wordsOf(value).map(quoted)])
  return ['aws', command, ...words].join(' ')
}

function wordsOf(value: Value): readonly string[] {
  if (value === true) return []
  if (Array.isArray(value)) return value.map(String)
  return [typeof value === 'object' ? JSON.stringify(value) : String(value)]
}

function quoted(word: string): string {
  return /^\$?[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
