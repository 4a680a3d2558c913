/** One line for the operator, on stderr: when, which part, what. Never called per request or per packet. */
export function log(part: string, line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${part}: ${line}\n`)
}
