/**
 * One end of idle connections, or who ends them, in a network namespace:
 *
 *     target ADDRESS PORT          accepts connections and says nothing
 *     client ADDRESS PORT COUNT    opens connections and says nothing
 *     cut MARK MASK                makes conntrack forget all that have the mark, and resets them
 *
 * Each prints `ready`, and as JSON what it saw and when: how its connections ended, or how many there were.
 */
import { connect, createServer, type Socket } from 'node:net'
import { systemClock } from '../../../clock.ts'
import { Conntrack } from './conntrack.ts'
import type { ConntrackEntry } from './conntrack-entry.ts'
import { IdleResetter } from './reset-idle.ts'

const [role, first = '', second = '', third = ''] = process.argv.slice(2)

const ends: Record<string, number> = {}
let open = 0

function watch(socket: Socket): void {
  let end = 'closed'
  open++
  socket.on('error', (error: NodeJS.ErrnoException) => (end = error.code ?? error.message))
  socket.on('close', () => {
    ends[end] = (ends[end] ?? 0) + 1
    if (--open === 0) say({ ends })
  })
}

function say(what: object): void {
  console.log(JSON.stringify({ ...what, at: systemClock.now() }))
}

switch (role) {
  case 'target':
    createServer(watch).listen(Number(second), first, 2_000, () => console.log('ready'))
    break
  case 'client': {
    let connected = 0
    for (let i = 0; i < Number(third); i++) {
      const socket = connect({ host: first, port: Number(second) })
      watch(socket)
      socket.on('connect', () => ++connected === Number(third) && console.log('ready'))
    }
    break
  }
  case 'cut': {
    const conntrack = await Conntrack.open()
    const resetter = await IdleResetter.open(systemClock)
    console.log('ready')
    say({})
    const entries: ConntrackEntry[] = []
    await conntrack.each({ mark: Number(first), mask: Number(second) }, entry => entries.push(entry.kept()))
    await conntrack.delete(entries)
    resetter?.reset(entries)
    say({ entries: entries.length })
    process.stdin.resume()
  }
}
