import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Place } from '../runtime.ts'
import { isOfTask, processesWhere } from './process-table.ts'
import type { Site } from './site.ts'

/** Below what systems give to sockets that ask for any port, so that nobody has it between our look and the task's. */
const firstPort = 24_000
const portCount = 8_000

/** All tasks on 127.0.0.1, a port of its own for each port of each task: needs no privileges. */
export class PortSite implements Site {
  readonly sharesPorts = true
  readonly #places = new Map<string, Place>()

  async prepare({ id, ports }: Parameters<Site['prepare']>[0]): Promise<Place> {
    const chosen: Record<number, number> = {}
    // At once, so that two that prepare at the same time do not find the same one free.
    this.#places.set(id, { address: '127.0.0.1', ports: chosen })
    let next = Number.parseInt(id.slice(0, 8), 16) % portCount
    for (const { containerPort } of ports) {
      if (chosen[containerPort] !== undefined) continue
      for (let tries = 0; chosen[containerPort] === undefined; tries++) {
        if (tries === portCount) throw new Error(`no port from ${firstPort} to ${firstPort + portCount - 1} is free`)
        const port = firstPort + (next++ % portCount)
        if (this.#isTaken(port)) continue
        chosen[containerPort] = port
        if (!(await isFree(port))) delete chosen[containerPort]
      }
    }
    return { address: '127.0.0.1', ports: chosen }
  }

  adopt(id: string, place: Place): void {
    this.#places.set(id, place)
  }

  within<Made>(_id: string, spawn: () => Made): Made {
    return spawn()
  }

  async pids(id: string): Promise<readonly number[]> {
    return processesWhere(pid => isOfTask(pid, id))
  }

  async present(): Promise<readonly string[]> {
    return [...this.#places.keys()]
  }

  async remove(id: string): Promise<void> {
    this.#places.delete(id)
  }

  async close(): Promise<void> {}

  #isTaken(port: number): boolean {
    return [...this.#places.values()].some(({ ports }) => Object.values(ports).includes(port))
  }
}

/** At every address, for TCP and UDP alike: the program may bind to all. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const socket = createSocket('udp4')
  try {
    server.listen(port, '0.0.0.0')
    await once(server, 'listening')
    socket.bind({ port, address: '0.0.0.0', exclusive: true })
    await once(socket, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
    socket.close()
  }
}
