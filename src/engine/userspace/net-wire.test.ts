import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../clock.ts'
import { bindTcp, listenOn } from '../tcp-handle.ts'
import { NetWire } from './net-wire.ts'
import { clientOf } from './tcp.fixture.ts'

const size = 8 << 20

test('a connection whose bytes are much work lets others have their turn, and goes on after it', async t => {
  // Whatever is done takes 3 ms, as it seems.
  let now = 0
  const clock = { ...systemClock, monotonic: () => (now += 3) }
  let turn = 0
  let received = 0
  const readsByTurn = new Map<number, number>()
  const whole = Promise.withResolvers<void>()
  const receiver = {
    onBytes({ length }: Buffer) {
      received += length
      readsByTurn.set(turn, (readsByTurn.get(turn) ?? 0) + 1)
      if (received === size) whole.resolve()
    },
    onDrain() {},
    onFinish() {},
    onClose() {},
  }
  const handle = bindTcp('127.0.0.1', 24790)
  t.after(() => handle.close())
  listenOn(handle, (_, accepted) => {
    const wire = NetWire.accepted(clock, receiver, accepted)
    t.after(() => wire.reset())
    wire.resume()
  })
  const count = () => {
    turn++
    if (received < size) setImmediate(count)
  }
  count()
  clientOf(t, 24790).write(Buffer.alloc(size))
  await whole.promise
  // One, and perhaps another one that did not fill its buffer.
  assert.ok(Math.max(...readsByTurn.values()) <= 2, `${[...readsByTurn.values()]}`)
})
