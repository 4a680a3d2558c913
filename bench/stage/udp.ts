/**
 * What the UDP benches share: an engine with one UDP listener and one worker, its targets, and clients with addresses of
 * their own.
 */

import { createSocket, type Socket } from 'node:dgram'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { systemClock } from '../../src/clock.ts'
import type { SnapshotGroup, SnapshotListener } from '../../src/domain/snapshot.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { openUserspaceEngine } from '../../src/engine/userspace/engine.ts'

const address = '127.0.0.1'
const port = 22_400

interface Stage {
  readonly engine: Engine
  /** Lets only the first `count` targets serve; the others are unhealthy. */
  serve(count: number): Promise<void>
  close(): Promise<void>
}

/** Each target answers a datagram with `TARGET SOURCE-PORT`: which target it is, and which flow of the balancer it came by. */
export async function openStage(targetCount: number, udpFlowLimit: number): Promise<Stage> {
  const log = (line: string) => console.error(line)
  const engine = await openUserspaceEngine({
    workers: 1,
    clock: systemClock,
    udpFlowLimit,
    directory: tmpdir(),
    onSuspicion() {},
    log,
  })
  const targets = Array.from({ length: targetCount }, (_, name) => {
    const target = createSocket({ type: 'udp4', lookup: (ip, _family, callback) => callback(null, ip, 4) })
    target.bindSync({ address: `127.0.1.${name + 1}`, port: 8_080 })
    target.setRecvBufferSize(4 << 20)
    target.on('message', (datagram, from) => {
      if (datagram.toString() !== 'quiet') target.send(`${name} ${from.port}`, from.port, from.address)
    })
    return target
  })
  const listener: SnapshotListener = {
    id: `UDP ${address} ${port}`,
    listenerArn: 'listener',
    protocol: 'UDP',
    address,
    port,
    admit: undefined,
    route: [{ group: 'group', weight: 1 }],
    idleTimeoutMs: 120_000,
    synproxy: false,
  }
  let revision = 0
  async function serve(count: number): Promise<void> {
    const group: SnapshotGroup = {
      id: 'group',
      targets: targets.map((target, name) => ({
        key: `group ${name}`,
        address: target.address().address,
        port: target.address().port,
        mode: name < count ? 'serve' : 'cut',
      })),
      sticky: false,
      proxyProtocol: false,
      preserveClientIp: false,
    }
    const { problems } = await engine.apply({
      revision: ++revision,
      listeners: [listener],
      groups: [group],
      guards: [],
    })
    if (problems.length > 0) throw new Error(problems[0]?.reason)
  }
  await serve(targetCount)
  return {
    engine,
    serve,
    async close() {
      await engine.close(0)
      for (const target of targets) target.close()
    },
  }
}

/** A client with an address and port of its own: 65,000 of them by `number`, and a closed one can come back. */
export function openClient(number: number): Socket {
  const client = createSocket({ type: 'udp4', lookup: (ip, _family, callback) => callback(null, ip, 4) })
  client.bindSync({ address: `127.64.${number >> 8}.${number & 255}`, port: 20_000 + (number % 7_919) })
  return client
}

export function send(client: Socket, text: string): void {
  client.send(text, port, address)
}

/** Sends and waits for the answer, at most `ms`. */
export function ask(client: Socket, ms = 1_000): Promise<string | undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(undefined), ms)
    client.once('message', datagram => {
      clearTimeout(timer)
      resolve(datagram.toString())
    })
    send(client, 'hello')
  })
}

/** Resident memory of this process's children, the engine's worker among them, in MiB; 0 where there is no /proc. */
export function childrenMiB(): number {
  try {
    const children = readdirSync('/proc/self/task').flatMap(task =>
      readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
    )
    const pages = children.map(pid => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]))
    return Math.round(pages.reduce((sum, each) => sum + each, 0) / 256)
  } catch {
    return 0
  }
}
