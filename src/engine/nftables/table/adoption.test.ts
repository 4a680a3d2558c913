/** What the next process makes of the table that another one left. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { VirtualClock } from '../../../virtual-clock.ts'
import type { KernelEngine } from '../../engine.ts'
import { openNftablesEngine } from '../engine.ts'
import { Conntrack } from '../flows/conntrack.ts'
import { tableOf } from '../names.ts'
import { groupAt, listenerAt, snapshotOf } from '../snapshot.fixture.ts'
import { Sysctl } from '../sysctl.ts'
import { kernelTest } from './kernel-test.fixture.ts'
import { neighborsOf, sluiceTables } from './sluice-tables.ts'

const web = groupAt('web', 'UDP', ['127.0.0.2 9000', '127.0.0.3 9000'])
const old = groupAt('old', 'UDP', ['127.0.0.4 9000'])
const one = listenerAt('UDP 127.0.0.1 8080', [[web, 1]])
const two = listenerAt('UDP 127.0.0.1 8081', [[old, 1]])

/** One process after another; each but the last has left what it had put in place. */
function processes() {
  const clock = new VirtualClock()
  const log: string[] = []
  const circumstances = { isComplete: true }
  const open = (directory: string, table = tableOf(directory)) =>
    openNftablesEngine({
      table,
      clock,
      sysctl: new Sysctl({ directory, maySet: false, log() {} }),
      isComplete: () => circumstances.isComplete,
      onSuspicion() {},
      onProblems() {},
      log: line => log.push(line),
    })
  return { clock, log, circumstances, open }
}

const listening = () =>
  [...execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }).matchAll(/goto (udp\/\S+)/g)].map(
    ([, name]) => name,
  )

kernelTest(
  'what the snapshot lacks goes only once every source has spoken, and in no other snapshot’s place',
  async () => {
    const { clock, log, circumstances, open } = processes()
    const first = await open('/one')
    await first.apply(snapshotOf([one, two], [web, old]))
    await first.leave()

    circumstances.isComplete = false
    const second = await open('/one')
    const { name } = tableOf('/one')
    assert.deepEqual(log, [`kernel: took over the table ${name}, which went on serving meanwhile (listeners: 2)`])
    await second.apply(snapshotOf([one], [web]))
    await clock.advance(10_000)
    assert.equal(listening().length, 2)
    // The last source has spoken, and what it said is on its way here: what is in place does not know of it.
    circumstances.isComplete = true
    await clock.advance(10_000)
    assert.equal(listening().length, 2)
    await second.apply(snapshotOf([one], [web]))
    assert.deepEqual(listening(), ['udp/127.0.0.1/8080'])
    await second.close()
    assert.equal(execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }), '')
  },
)

kernelTest('a flow of a listener that went meanwhile ends once every source has spoken', async t => {
  const { circumstances, open } = processes()
  const conntrack = await Conntrack.open()
  t.after(() => conntrack.close())
  const flows = async () => {
    let count = 0
    await conntrack.each({ mark: tableOf('/one').number << 24, mask: 0xff000000 }, () => count++)
    return count
  }
  const first = await open('/one')
  await first.apply(snapshotOf([one, two], [web, old]))
  const client = createSocket('udp4')
  t.after(() => client.close())
  await new Promise(resolve => client.send('hello', two.port, two.address, resolve))
  await first.leave()

  circumstances.isComplete = false
  const second = await open('/one')
  const lacking = snapshotOf([one], [web])
  await second.apply(lacking)
  assert.equal(await flows(), 1)
  circumstances.isComplete = true
  await second.apply(lacking)
  assert.equal(await flows(), 0)
  await second.close()
})

kernelTest('targets keep their marks from one process to the next', async () => {
  const { open } = processes()
  const marks = () =>
    execFileSync('nft', ['list', 'map', 'inet', tableOf('/one').name, 'targets4'], { encoding: 'utf8' })
  const first = await open('/one')
  await first.apply(snapshotOf([two, one], [old, web]))
  const before = marks()
  await first.leave()
  const second = await open('/one')
  // In another order they would have got other ones.
  await second.apply(snapshotOf([one, two], [web, old]))
  assert.equal(marks(), before)
  await second.close()
})

kernelTest(
  'two Sluices of one namespace have marks of their own, even where their names ask for the same ones',
  async () => {
    const { open } = processes()
    const engines: KernelEngine[] = []
    const start = async (name: string) => {
      const engine = await open(name, { name: `sluice-${name}`, number: 7, dataDir: `/${name}` })
      engines.push(engine)
      return engine
    }
    const first = await start('a')
    await start('b')
    await start('c')
    const owners = (await sluiceTables()).map(({ name, number, dataDir }) => [name, number, dataDir])
    assert.deepEqual(owners, [
      ['sluice-a', 7, '/a'],
      ['sluice-b', 8, '/b'],
      ['sluice-c', 9, '/c'],
    ])
    assert.deepEqual(await neighborsOf({ name: 'sluice-b', number: 7 }), ['sluice-a', 'sluice-c'])
    // It comes back to its own, which is not the next free one.
    await first.leave()
    await engines[1]?.close()
    await start('a')
    assert.deepEqual(
      (await sluiceTables()).map(({ number }) => number),
      [7, 9],
    )
    for (const engine of engines.slice(2)) await engine.close()
  },
)
