import { type ChildProcess, fork } from 'node:child_process'
import { flushCompileCache } from 'node:module'
import { MessageChannel } from 'node:worker_threads'
import type { Clock } from '../clock.ts'

/** A process that said at its first start why it can't serve (exit code 78, EX_CONFIG of sysexits.h); it printed the reason. */
export const REFUSED = 78

export type Stop = 'stop' | 'leave'

export interface Supervised {
  /** Of the process that runs now; a new one after each death. */
  readonly pid: number | undefined
  /**
   * Asks it to stop in order and resolves when it has gone. `leave`: what goes on working without it is to stay, for the
   * next one to take over.
   */
  stop(how?: Stop): Promise<void>
  /** Ends it at once. */
  kill(): void
}

interface Options {
  readonly name: string
  readonly module: URL
  /** What it is told, asked for at each start. */
  argument(): unknown
  readonly clock: Clock
  log(line: string): void
  onMessage?(message: unknown): void
  /** It refused at its first start; it will not be started again. One that has served before is, until what hinders it has gone. */
  onRefused(): void
}

/**
 * Runs a module as a child process and keeps it alive: started again at once when it dies, after 25 ms doubling to 1 s when
 * it had lived for less than five seconds. The child ends by itself when this process is gone (its IPC channel closes).
 */
export function supervise(options: Options): Supervised {
  let child: ChildProcess | undefined
  let stopping = false
  let served = false
  let delay = 0
  let cancelRestart = () => {}
  const waiting: (() => void)[] = []
  // The clock's timers keep no process alive, and while every child is dead nothing else does.
  const awake = new MessageChannel().port1
  const calledOff = () => {
    stopping = true
    cancelRestart()
    awake.unref()
  }

  const start = () => {
    const startedAt = options.clock.monotonic()
    // The child inherits stdout and stderr; a pipe of ours would end it with us.
    const process = fork(options.module, [JSON.stringify(options.argument())], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    child = process
    process.on('message', message => {
      served = true
      options.onMessage?.(message)
    })
    const gone = (code: number | null, reason: string | null) => {
      child = undefined
      if (stopping) {
        for (const resolve of waiting.splice(0)) resolve()
        return
      }
      if (code === REFUSED && !served) return options.onRefused()
      delay = options.clock.monotonic() - startedAt < 5_000 ? Math.min(Math.max(25, delay * 2), 1_000) : 0
      awake.ref()
      cancelRestart = options.clock.after(delay, () => {
        start()
        awake.unref()
        options.log(
          `${options.name} process ${process.pid} ended (${reason ?? `code ${code}`}); now it is process ${child?.pid}`,
        )
      })
    }
    process.on('error', error => {
      options.log(`${options.name}: ${error.message}`)
      // Where it could not be started at all, no exit follows.
      if (process.pid === undefined) gone(null, error.message)
    })
    process.on('exit', gone)
  }
  start()

  return {
    get pid() {
      return child?.pid
    },
    stop(how = 'stop') {
      calledOff()
      // It died a moment ago. What only it can end, tasks and what the kernel has, would stay.
      if (child === undefined && served && how === 'stop') start()
      const running = child
      if (running === undefined) return Promise.resolve()
      return new Promise(resolve => {
        waiting.push(resolve)
        if (running.connected) running.send(how)
        else running.kill('SIGKILL')
      })
    },
    kill() {
      calledOff()
      child?.kill('SIGKILL')
    },
  }
}

/**
 * The child's side: runs `stop` when the parent asks for it (or at SIGTERM: `leave`), then exits. Without its parent it exits at
 * once. SIGINT is the parent's: a terminal sends it to the whole group, and stopping goes in order.
 */
export function supervised(stop: (how: Stop) => Promise<void>): void {
  // Now and not at its exit, which a kill -9 leaves out: the next one starts from what this one has compiled.
  flushCompileCache()
  let stopping = false
  const end = (how: Stop) => {
    if (stopping) return
    stopping = true
    stop(how).then(
      () => process.exit(0),
      error => {
        process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => end('leave'))
  process.on('message', message => {
    if (message === 'stop' || message === 'leave') end(message)
  })
  process.on('disconnect', () => {
    if (!stopping) process.exit(0)
  })
  // It may have gone while this process was starting.
  if (process.connected === false) process.exit(0)
}
