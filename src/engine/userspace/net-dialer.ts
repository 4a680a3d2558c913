import net from 'node:net'
import type { Clock } from '../../clock.ts'
import { backendPolicy } from '../../domain/security-policy.ts'
import type { Dialer, OpeningReceiver, TargetTls, Wire } from '../../http/wire.ts'
import { connectTls } from './connect-tls.ts'
import { inTurn, NetWire, type Secured } from './net-wire.ts'
import { isOwnEcho } from './own-echo.ts'

/** Connects to targets over node's sockets. */
export class NetDialer implements Dialer {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  dial(address: string, port: number, tls: TargetTls | undefined, receiver: OpeningReceiver): Wire {
    const wire = tls
      ? new NetWire(this.#clock, receiver, this.#secured(address, port, tls))
      : new NetWire(this.#clock, receiver, onread => new net.Socket({ allowHalfOpen: true, noDelay: true, onread }))
    const { socket } = wire
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      // As after any refused connect: `onClose` follows.
      if (isOwnEcho(socket, { address, port })) socket.destroy(echoError)
      else inTurn(() => receiver.onOpen())
    })
    if (!tls) socket.connect({ host: address, port })
    return wire
  }

  #secured(address: string, port: number, { listenerPolicy }: TargetTls): Secured {
    const lower = new net.Socket({ allowHalfOpen: true, noDelay: true })
    lower.connect({ host: address, port })
    const tls = connectTls({ socket: lower, target: `${address} ${port}`, policy: backendPolicy(listenerPolicy) })
    return { tls, lower }
  }
}

const echoError = Object.assign(new Error('connected to itself'), { code: 'ECONNREFUSED' })
