/** A real dockerd for tests, in this process's network namespace, which has to be the test's own: Docker changes iptables. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../clock.ts'
import { DockerApi } from './engine-api.ts'

/** Says what this machine lacks to run dockerd; `undefined`: nothing. */
export function dockerdLacks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'root on Linux'
  const installed = ['dockerd', 'unshare'].every(program =>
    (process.env.PATH ?? '').split(':').some(directory => existsSync(join(directory, program))),
  )
  return installed ? undefined : 'dockerd (Debian: docker.io)'
}

export class Dockerd {
  readonly socketPath: string
  readonly #directory: string
  /** The first process of a namespace, whose end is everybody's there: it does what it reads, and ends when its input does. */
  readonly #shell: ChildProcessByStdio<Writable, Readable, null>
  /** A line for each thing done. */
  readonly #done: AsyncIterator<unknown>

  static async open(): Promise<Dockerd> {
    const dockerd = new Dockerd(mkdtempSync(join(tmpdir(), 'sluice-dockerd-')))
    try {
      await dockerd.start()
    } catch (error) {
      await dockerd.close()
      throw error
    }
    return dockerd
  }

  private constructor(directory: string) {
    this.#directory = directory
    this.socketPath = join(directory, 'docker.sock')
    // Mounts and processes of its own; /run is a new one, too, for what Docker leaves there.
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
    const commands = 'mount -t tmpfs none /run; while read -r line; do eval "$line"; done'
    this.#shell = spawn('unshare', [...namespaces, 'sh', '-c', commands], { stdio: ['pipe', 'pipe', 'ignore'] })
    this.#done = this.#shell.stdout[Symbol.asyncIterator]()
  }

  /** Leaves one that answers alone. Containers outlive a dockerd that is killed, as with live-restore everywhere. */
  async start(): Promise<void> {
    if (await this.#answers()) return
    const at = (name: string) => join(this.#directory, name)
    rmSync(at('docker.pid'), { force: true })
    await this.#do(
      `dockerd --data-root ${at('data')} --exec-root ${at('exec')} --pidfile ${at('docker.pid')} --live-restore`,
      `--host unix://${this.socketPath} --cgroup-parent ${this.#cgroup} >>${at('log')} 2>&1 & daemon=$!`,
    )
    const end = performance.now() + 20_000
    while (!(await this.#answers())) {
      if (performance.now() > end)
        throw new Error(`dockerd does not start: ${readFileSync(at('log'), 'utf8').slice(-2_000)}`)
      await pause(50)
    }
  }

  /** As by kill -9. Nobody listens any more, and its containerd is gone, too: the next dockerd would wait for a zombie of it. */
  async kill(): Promise<void> {
    await this.#do(
      `containerd=$(cat ${join(this.#directory, 'exec/containerd/containerd.pid')}); kill -9 $daemon $containerd; wait $daemon;`,
      'while kill -0 $containerd; do sleep 0.01; done',
    )
  }

  /** An image `NAME` (`web`, `web:1`) of node, as it runs this test, with a shell and these files, all where they are here. */
  async importNode(name: string, files: readonly string[] = []): Promise<void> {
    const path = `/images/create?fromSrc=-&repo=${name}`
    const call = request({ socketPath: this.socketPath, method: 'POST', path, headers: { host: 'docker' } })
    call.end(tarOf([process.execPath, '/bin/sh'], files))
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    const said = await text(answer)
    if (answer.statusCode !== 200 || said.includes('"error"')) throw new Error(`no image is made: ${said}`)
  }

  async close(): Promise<void> {
    this.#shell.stdin.end()
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) await once(this.#shell, 'exit')
    removeControlGroups(this.#cgroup)
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  get #cgroup(): string {
    return `sluice-test-${process.pid}`
  }

  async #do(...command: string[]): Promise<void> {
    this.#shell.stdin.write(`${command.join(' ')}; echo done\n`)
    if ((await this.#done.next()).done) throw new Error('the namespace of dockerd has ended')
  }

  #answers(): Promise<boolean> {
    return new DockerApi(this.socketPath, systemClock)
      .call('GET', '/_ping', { signal: AbortSignal.timeout(5_000) })
      .then(
        () => true,
        () => false,
      )
  }
}

/** The programs and all libraries that they load, and other files. */
export function tarOf(programs: readonly string[], files: readonly string[] = []): Buffer {
  const libraries = programs.flatMap(
    program => execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? [],
  )
  return execFileSync('tar', ['-cPhf', '-', ...new Set([...programs, ...libraries, ...files])], { maxBuffer: 2 ** 30 })
}

/** Docker removes a container's, but neither the parent's nor those of containers that it could not stop. */
function removeControlGroups(name: string): void {
  const find = `find /sys/fs/cgroup -depth -type d '(' -name ${name} -o -path '*/${name}/*' ')'`
  execFileSync('sh', ['-c', `${find} -exec rmdir {} + 2>/dev/null || true`])
}
