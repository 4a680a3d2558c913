import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A running `sluice up`. */
export class Sluice {
  /** From the command to the banner. */
  startMs = 0
  /** Told the address of each target when its verdict turns. */
  onUnhealthy: (address: string) => void = () => {}
  readonly gone: Promise<unknown>
  readonly #process: ChildProcess
  readonly #agent = new Agent({ keepAlive: true })
  #url = ''
  #isStopping = false

  static async start(directory: string): Promise<Sluice> {
    const began = performance.now()
    const sluice = new Sluice(directory)
    for await (const line of createInterface(sluice.#process.stdout!)) {
      const [url] = /http:\S+/.exec(line) ?? []
      if (url === undefined) continue
      sluice.#url = url
      break
    }
    sluice.startMs = performance.now() - began
    return sluice
  }

  constructor(directory: string) {
    const flags = ['--port', '0', '--dns-port', '0', '--no-example', '--drain-seconds', '0', '--data-dir', directory]
    // A process group of its own, so that one signal reaches every process. Nobody else would signal it, so it goes with us.
    this.#process = spawn(join(import.meta.dirname, '../../bin/sluice'), ['up', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const kill = () => this.kill()
    process.prependListener('exit', kill)
    this.gone = once(this.#process, 'exit').then(() => process.off('exit', kill))
    createInterface(this.#process.stderr!).on('line', line => {
      const [, address] = /target (\S+):\d+ of \S+ is now unhealthy/.exec(line) ?? []
      if (address !== undefined) this.onUnhealthy(address)
      else if (!this.#isStopping) console.error(line)
    })
  }

  /** Resolves when the call is answered; throws for an error. */
  call(form: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const headers = {
        Authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/elasticloadbalancing/aws4_request',
        'Content-Type': 'application/x-www-form-urlencoded',
        'Content-Length': form.length,
      }
      request(this.#url, { method: 'POST', agent: this.#agent, headers }, response => {
        if (response.statusCode === 200) response.resume().on('end', resolve)
        else response.on('data', text => reject(new Error(String(text))))
      })
        .on('error', reject)
        .end(form)
    })
  }

  stop(): void {
    this.#isStopping = true
    this.#process.kill()
  }

  kill(): void {
    process.kill(-this.#process.pid!, 'SIGKILL')
  }
}
