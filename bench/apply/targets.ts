import { createSocket, type Socket } from 'node:dgram'
import { createServer } from 'node:http'
import { type BlueGreen, healthPort, servicePort } from './set-up.ts'

/** A numeric address needs no lookup, which would cost each socket a thread's turn. */
export function udpSocket(): Socket {
  return createSocket({ type: 'udp4', lookup: (address, _options, callback) => callback(null, address, 4) })
}

/** Every target's health service, and the UDP services of those that are watched; these answer `GROUP ADDRESS`. */
export class Targets {
  /** Addresses that answer health checks with 503. */
  readonly failing = new Set<string>()
  readonly #sockets: Socket[] = []
  readonly #health

  constructor(watched: readonly BlueGreen[]) {
    for (const { blue, green } of watched) {
      for (const { name, targets } of [blue, green]) {
        for (const { id } of targets) {
          const socket = udpSocket()
          socket.bind(servicePort, id)
          socket.on('message', (_, from) => socket.send(`${name} ${id}`, from.port, from.address))
          this.#sockets.push(socket)
        }
      }
    }
    this.#health = createServer((request, response) => {
      response.statusCode = this.failing.has(request.socket.localAddress ?? '') ? 503 : 200
      response.end()
    }).listen(healthPort, '0.0.0.0', 4_096)
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
    this.#health.close()
    this.#health.closeAllConnections()
  }
}
