/** The real `nc` at both ends, as the article behind S1 has it. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { TestContext } from 'node:test'
import type { Host } from '../../bench/stage/namespaces.ts'

/** One `nc` process; what it prints is kept. */
interface Netcat {
  /** Lines of its standard output: what arrived. */
  readonly lines: readonly string[]
  /** Its standard error: with `-v`, who connected. */
  readonly notes: string
  send(line: string): void
  /** Ends it and waits until it has gone. */
  kill(): Promise<void>
}

const stdio = ['pipe', 'pipe', 'pipe'] as const

/** Starts `nc` with these arguments; it ends with the test. */
export function netcat(t: TestContext, ...args: string[]): Netcat {
  return watch(t, spawn('nc', args, { stdio: [...stdio] }))
}

/** The same in another host. */
export function netcatOn(t: TestContext, host: Host, ...args: string[]): Netcat {
  return watch(t, host.start('nc', args, { stdio: [...stdio] }))
}

function watch(t: TestContext, child: ChildProcess): Netcat {
  const lines: string[] = []
  let rest = ''
  let notes = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (notes += chunk))
  child.stdin?.on('error', () => {})
  const exited = new Promise<void>(resolve => child.on('exit', () => resolve()))
  const kill = () => {
    child.kill('SIGKILL')
    return exited
  }
  t.after(kill)
  return {
    lines,
    get notes() {
      return notes
    },
    send: line => child.stdin?.write(`${line}\n`),
    kill,
  }
}
