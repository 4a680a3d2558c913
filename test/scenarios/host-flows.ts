/** What `targets.ts` has inside the test process, in other hosts: a service, and UDP clients. */
import type { Host } from '../../bench/stage/namespaces.ts'
import { type Running, run } from './hosts.ts'
import { until } from './sluice.ts'
import type { Flows, TestTarget } from './targets.ts'

/** A UDP and TCP service on the host's `port`, which answers with its address, datagrams after a while. */
export class HostTarget implements Pick<TestTarget, 'address' | 'port' | 'datagrams' | 'kill' | 'start' | 'stopTcp'> {
  readonly address: string
  readonly port: number
  readonly host: Host
  readonly #delayMs: number
  #runs: Running[] = []

  static async start(host: Host, port: number, delayMs = 0): Promise<HostTarget> {
    const target = new HostTarget(host, port, delayMs)
    await target.start()
    return target
  }

  private constructor(host: Host, port: number, delayMs: number) {
    this.host = host
    this.#delayMs = delayMs
    this.address = host.address
    this.port = port
  }

  get datagrams(): TestTarget['datagrams'] {
    return this.#runs.flatMap(run => run.of('UDP')).map(({ at, words }) => ({ at, text: words.slice(3).join(' ') }))
  }

  /** Whom it saw: `ADDRESS PORT` of each datagram's client. */
  get clients(): readonly string[] {
    return this.#runs.flatMap(run => run.of('UDP')).map(({ words }) => `${words[1]} ${words[2]}`)
  }

  kill(): void {
    this.#runs.at(-1)?.kill('SIGKILL')
  }

  async start(): Promise<void> {
    const service = run(
      this.host,
      'witness.fixture.ts',
      [this.port, this.address, '0.0.0.0', this.#delayMs].map(String),
    )
    this.#runs.push(service)
    await until('the service listens', () => service.of('READY').length > 0)
  }

  stopTcp(): void {
    this.#runs.at(-1)?.kill('SIGUSR2')
  }
}

/** UDP clients in a host, a socket and so a flow each. */
export class HostFlows
  implements Pick<Flows, 'sent' | 'answers' | 'sendAll' | 'start' | 'stop' | 'lastFrom' | 'unanswered'>
{
  readonly #run: Running
  readonly #count: number

  /** @param firstSourcePort of the first flow; the others have the next ones */
  static async open(host: Host, count: number, address: string, port: number, firstSourcePort = 0): Promise<HostFlows> {
    const args = ['UDP', address, port, count, firstSourcePort].map(String)
    const flows = new HostFlows(run(host, 'crowd.fixture.ts', args), count)
    await until('the clients are bound', () => flows.#run.of('READY').length > 0)
    return flows
  }

  private constructor(run: Running, count: number) {
    this.#run = run
    this.#count = count
  }

  get sent(): Flows['sent'] {
    const rounds = this.#run.of('SENT').map(({ at, words }) => ({ at, number: Number(words[1]) }))
    return Array.from({ length: this.#count }, () => rounds)
  }

  get answers(): Flows['answers'] {
    const answers: Flows['answers'] = Array.from({ length: this.#count }, () => [])
    for (const { at, words } of this.#run.of('GOT'))
      answers[Number(words[1])]?.push({ at, number: Number(words[2]), from: String(words[3]) })
    return answers
  }

  /** Where answers came from: `ADDRESS PORT`. */
  get sources(): ReadonlySet<string> {
    return new Set(this.#run.of('GOT').map(({ words }) => words.slice(4).join(' ')))
  }

  sendAll(): void {
    this.#tell('send')
  }

  start(perSecond: number): void {
    this.#tell(`start ${perSecond}`)
  }

  stop(): void {
    this.#tell('stop')
  }

  lastFrom(): (string | undefined)[] {
    return this.answers.map(answers => answers.at(-1)?.from)
  }

  unanswered(): number {
    const rounds = this.#run.of('SENT').length
    return this.answers.reduce(
      (total, answers) => total + rounds - new Set(answers.map(({ number }) => number)).size,
      0,
    )
  }

  #tell(command: string): void {
    this.#run.process.stdin?.write(`${command}\n`)
  }
}
