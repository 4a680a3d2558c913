import { createSocket } from 'node:dgram'
import { isIpv6 } from '../domain/cidr.ts'
import type { SnapshotListener } from '../domain/snapshot.ts'
import { bindTcp, listenOn } from './tcp-handle.ts'

/**
 * Ports of listeners that the kernel serves, held by sockets that do nothing. Without them another program could bind such a
 * port and never hear why nothing arrives, and a port that another program has would be taken from it without a word.
 */
export interface Ports {
  /**
   * Holds these listeners' ports too.
   * @returns those that can't be had: the system's errors by `SnapshotListener.id`
   */
  hold(listeners: readonly SnapshotListener[]): ReadonlyMap<string, string>
  /** Lets go of those of which it is true (by `SnapshotListener.id`). They can be bound at once. */
  release(isOver: (listener: string) => boolean): void
  /** Lets go of all. */
  close(): void
}

export function openPorts(): Ports {
  return new HeldPorts()
}

class HeldPorts implements Ports {
  /** What gives each port back, by `SnapshotListener.id`. */
  readonly #held = new Map<string, () => void>()

  hold(listeners: readonly SnapshotListener[]): ReadonlyMap<string, string> {
    const codes = new Map<string, string>()
    for (const { id, protocol, address, port } of listeners) {
      if (this.#held.has(id)) continue
      try {
        this.#held.set(id, protocol === 'TCP' ? holdTcp(address, port) : holdUdp(address, port))
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        codes.set(id, code ?? message)
      }
    }
    return codes
  }

  release(isOver: (listener: string) => boolean): void {
    for (const [id, giveBack] of this.#held) {
      if (!isOver(id)) continue
      giveBack()
      this.#held.delete(id)
    }
  }

  close(): void {
    this.release(() => true)
  }
}

/** Listens, because two sockets that only are bound may share a port (SO_REUSEADDR), and resets whoever comes past the kernel. */
function holdTcp(address: string, port: number): () => void {
  const handle = bindTcp(address, port)
  try {
    listenOn(handle, (status, client) => {
      if (status === 0) client.reset()
    })
  } catch (error) {
    handle.close()
    throw error
  }
  return () => handle.close()
}

function holdUdp(address: string, port: number): () => void {
  const isV6 = isIpv6(address)
  const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 })
  // Whatever befalls it, it only has to be there; a datagram that no handler waits for is dropped.
  socket.on('error', () => {})
  try {
    socket.bindSync({ address, port })
  } catch (error) {
    socket.close()
    throw error
  }
  return () => socket.close()
}
