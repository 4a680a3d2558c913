/**
 * Hosts as network namespaces on one machine: a balancer in the middle, a client and targets around it, joined by veth
 * pairs.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'

export interface Host {
  readonly name: string
  readonly address: string
  /** Runs a program in this host and answers its stdout; throws with its stderr if it fails. */
  run(command: string, ...args: string[]): string
  /** Starts a program in this host; it ends with `close`. */
  start(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
}

export interface Topology {
  /** Its address is the one towards the client. */
  readonly balancer: Host
  readonly client: Host
  readonly targets: readonly Host[]
  close(): void
}

/**
 * client 10.9.0.2 - balancer 10.9.0.1, 10.9.N.1 - target N 10.9.N.2. The balancer forwards, so that a client can also reach
 * a target directly. Needs root. Names carry our pid, so that two runs don't meet.
 */
export function buildTopology(targetCount: number): Topology {
  const prefix = `sl${process.pid}`
  const children: ChildProcess[] = []
  const names: string[] = []

  const host = (role: string, address: string): Host => {
    const name = `${prefix}-${role}`
    execFileSync('ip', ['netns', 'add', name])
    names.push(name)
    const inside = (command: string, args: readonly string[]) => ['netns', 'exec', name, command, ...args]
    execFileSync('ip', inside('ip', ['link', 'set', 'lo', 'up']))
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
    for (const child of children) child.kill('SIGKILL')
    for (const name of names) execFileSync('ip', ['netns', 'delete', name])
  }
  try {
    const balancer = host('lb', '10.9.0.1')
    balancer.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    const join = (outer: Host, subnet: number, index: number) => {
      const [near, far] = [`v${process.pid}n${index}`, `v${process.pid}f${index}`]
      execFileSync('ip', [
        'link',
        'add',
        near,
        'netns',
        balancer.name,
        'type',
        'veth',
        'peer',
        'name',
        far,
        'netns',
        outer.name,
      ])
      for (const [side, device, address] of [
        [balancer, near, `10.9.${subnet}.1/24`],
        [outer, far, `10.9.${subnet}.2/24`],
      ] as const) {
        side.run('ip', 'address', 'add', address, 'dev', device)
        side.run('ip', 'link', 'set', device, 'up')
      }
      outer.run('ip', 'route', 'add', 'default', 'via', `10.9.${subnet}.1`)
    }
    const client = host('client', '10.9.0.2')
    join(client, 0, 0)
    const targets = Array.from({ length: targetCount }, (_, index) => host(`t${index + 1}`, `10.9.${index + 1}.2`))
    for (const [index, target] of targets.entries()) join(target, index + 1, index + 1)
    return { balancer, client, targets, close }
  } catch (error) {
    close()
    throw error
  }
}
