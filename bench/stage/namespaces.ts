/**
 * Hosts as network namespaces on one machine: a balancer in the middle, a client and targets around it, joined by veth
 * pairs.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { tree } from './processes.ts'

export interface Host {
  readonly name: string
  readonly address: string
  /** Runs a program in this host and answers its stdout; throws with its stderr if it fails. */
  run(command: string, ...args: string[]): string
  /** Starts a program in this host; it ends with `close`, and with it what it has started itself. */
  start(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
}

export interface Topology {
  /** Its address is the one towards the client. */
  readonly balancer: Host
  readonly client: Host
  readonly targets: readonly Host[]
  /** One more host, 10.8.N.2, whose only way is through `router`: the client or a target, which forwards from now on. */
  behind(router: Host): Host
  close(): void
}

/** One for each that this process has at once. */
const letters = 'vwxyz'
let built = 0

/**
 * client 10.9.0.2 - balancer 10.9.0.1, 10.9.N.1 - target N 10.9.N.2. The balancer forwards, so that a client can also reach
 * a target directly. With `ipv6` the same in fd09:N::/64, and fd08:N::/64 behind. Needs root. Names carry our pid, so that
 * two runs don't meet.
 */
export function buildTopology(targetCount: number, { ipv6 = false } = {}): Topology {
  const letter = letters[built++ % letters.length]
  const prefix = `sl${process.pid}${letter}`
  const children: ChildProcess[] = []
  const names: string[] = []

  const host = (role: string, address: string): Host => {
    const name = `${prefix}-${role}`
    execFileSync('ip', ['netns', 'add', name])
    names.push(name)
    const inside = (command: string, args: readonly string[]) => ['netns', 'exec', name, command, ...args]
    execFileSync('ip', inside('ip', ['link', 'set', 'lo', 'up']))
    // Without duplicate address detection, link-local addresses are good for use at once, and so are neighbors.
    if (ipv6) execFileSync('ip', inside('sysctl', ['-qw', 'net.ipv6.conf.default.accept_dad=0']))
    return {
      name,
      address,
      run: (command, ...args) =>
        execFileSync('ip', inside(command, args), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
      start(command, args, options = {}) {
        const child = spawn('ip', inside(command, args), { stdio: ['ignore', 'ignore', 'inherit'], ...options })
        children.push(child)
        return child
      },
    }
  }

  const close = () => {
    for (const { pid, exitCode, signalCode } of children)
      if (pid !== undefined && exitCode === null && signalCode === null) for (const each of tree(pid)) kill(each)
    for (const name of names) execFileSync('ip', ['netns', 'delete', name])
  }
  try {
    const balancer = host('lb', '10.9.0.1')
    const forwards = ['net.ipv4.ip_forward=1', ...(ipv6 ? ['net.ipv6.conf.all.forwarding=1'] : [])]
    balancer.run('sysctl', '-qw', ...forwards)
    let links = 0
    /** Joins two hosts, `inner` being the way to everywhere for `outer`. */
    const join = (inner: Host, outer: Host, ipv4: string, network6: string) => {
      const [near, far] = [`${letter}${process.pid}n${links}`, `${letter}${process.pid}f${links}`]
      links++
      const peer = ['peer', 'name', far, 'netns', outer.name]
      execFileSync('ip', ['link', 'add', near, 'netns', inner.name, 'type', 'veth', ...peer])
      for (const [side, device, end] of [
        [inner, near, 1],
        [outer, far, 2],
      ] as const) {
        side.run('ip', 'address', 'add', `${ipv4}.${end}/24`, 'dev', device)
        if (ipv6) side.run('ip', 'address', 'add', `${network6}::${end}/64`, 'dev', device, 'nodad')
        side.run('ip', 'link', 'set', device, 'up')
      }
      outer.run('ip', 'route', 'add', 'default', 'via', `${ipv4}.1`)
      if (ipv6) outer.run('ip', '-6', 'route', 'add', 'default', 'via', `${network6}::1`)
    }
    const client = host('client', '10.9.0.2')
    join(balancer, client, '10.9.0', 'fd09:0')
    const targets = Array.from({ length: targetCount }, (_, index) => host(`t${index + 1}`, `10.9.${index + 1}.2`))
    for (const [index, target] of targets.entries()) join(balancer, target, `10.9.${index + 1}`, `fd09:${index + 1}`)

    const routers = [client, ...targets]
    const behind = (router: Host): Host => {
      const number = routers.indexOf(router)
      const beyond = host(`b${number}`, `10.8.${number}.2`)
      router.run('sysctl', '-qw', ...forwards)
      join(router, beyond, `10.8.${number}`, `fd08:${number}`)
      balancer.run('ip', 'route', 'add', `10.8.${number}.0/24`, 'via', router.address)
      if (ipv6) balancer.run('ip', '-6', 'route', 'add', `fd08:${number}::/64`, 'via', `fd09:${number}::2`)
      return beyond
    }
    return { balancer, client, targets, behind, close }
  } catch (error) {
    close()
    throw error
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It ended since it was listed.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
