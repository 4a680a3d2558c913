/**
 * From an API call, or a health verdict, to the packets: a whole `sluice up` with N listeners and 10 N targets
 *
 * Weight changes: ModifyListener moves all weight from one target group to another, 200 times, one listener after the other;
 * measured from just before the request is sent to the first new UDP flow that reaches the other group. Health changes: a
 * target's checks begin to fail; measured from the line that announces the verdict to the first datagram of an established
 * UDP flow that reaches another target. Starts: from the command to its banner, when everything is in place; "adopting" comes
 * after a kill -9 of every process.
 *
 *     npm run bench -- apply [N ...]      10 100 1000; with SLUICE_KERNEL=false, all in userspace
 *
 * As root on Linux it runs in a network namespace of its own, where Sluice may use the kernel's data plane.
 */
import type { Socket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TargetGroup } from '../../src/domain/target-group.ts'
import { enterOwnNetwork } from '../../test/own-network.ts'
import { type BlueGreen, setUp } from './set-up.ts'
import { Sluice } from './sluice.ts'
import { Targets, udpSocket } from './targets.ts'

const weightChanges = 200
/** Not measured: what compiles at run time has compiled then. */
const warmUps = 50
const watchedListeners = 25
/** Between changes: what follows on one, such as ending flows, is over by then, and what happens once a second is met. */
const pauseMs = 50

if (process.platform === 'linux' && process.getuid?.() === 0) enterOwnNetwork()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
const sizes = process.argv.slice(2).map(Number)
for (const size of sizes.length === 0 ? [10, 100, 1_000] : sizes) await measure(size)
process.exit()

async function measure(size: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  const watched = await setUp(directory, size, Math.min(watchedListeners, size / 2))
  const targets = new Targets(watched)
  let sluice = await Sluice.start(directory)
  const first = sluice.startMs
  sluice.kill()
  await sluice.gone
  sluice = await Sluice.start(directory)
  console.log(
    `${size} listeners, ${10 * size} targets: started from nothing in ${(first / 1_000).toFixed(2)} s, ` +
      `adopting in ${(sluice.startMs / 1_000).toFixed(2)} s`,
  )
  try {
    // The checks of a first interval, and what a start leaves to do.
    await sleep(3_000)
    await changeWeights(sluice, watched)
    await failTargets(sluice, targets, watched)
  } finally {
    sluice.stop()
    await sluice.gone
    targets.close()
  }
}

async function changeWeights(sluice: Sluice, watched: readonly BlueGreen[]): Promise<void> {
  const answered: number[] = []
  const inEffect: number[] = []
  for (let n = 0; n < warmUps + weightChanges; n++) {
    const { listener, blue, green } = watched[n % watched.length]!
    const to = Math.floor(n / watched.length) % 2 === 0 ? green : blue
    const start = performance.now()
    await sluice.call(modifyListener(listener.arn, [blue, green], to))
    const answerMs = performance.now() - start
    while ((await newFlow(listener.port)).group !== to.name) await sleep(1)
    const ms = performance.now() - start
    if (n >= warmUps) {
      answered.push(answerMs)
      inEffect.push(ms)
    }
    await sleep(pauseMs)
  }
  console.log(`  ${weightChanges} weight changes: answered ${quantiles(answered)}`)
  console.log(`  ${' '.repeat(19)} in effect ${quantiles(inEffect)} (goal: p50 10 ms, p99 50 ms)`)
}

/** Fails the health checks of one target of each listener, the one that a flow of ours is on. */
async function failTargets(sluice: Sluice, targets: Targets, watched: readonly BlueGreen[]): Promise<void> {
  const flows = new Map<string, { readonly client: Socket; readonly port: number }>()
  for (const { listener } of watched) {
    const client = udpSocket()
    flows.set((await ask(client, listener.port)).target, { client, port: listener.port })
  }
  const times: Promise<number>[] = []
  const all = new Promise<void>(resolve => {
    sluice.onUnhealthy = address => {
      const flow = flows.get(address)
      if (flow === undefined) return
      times.push(timeToLeave(address, flow.client, flow.port))
      if (times.length === flows.size) resolve()
    }
  })
  for (const address of flows.keys()) targets.failing.add(address)
  await all
  console.log(`  ${flows.size} health changes: in effect ${quantiles(await Promise.all(times))}`)
  for (const { client } of flows.values()) client.close()
}

async function timeToLeave(address: string, client: Socket, port: number): Promise<number> {
  const start = performance.now()
  while ((await ask(client, port)).target === address) await sleep(1)
  return performance.now() - start
}

interface Answer {
  readonly group: string
  readonly target: string
}

async function newFlow(port: number): Promise<Answer> {
  const client = udpSocket()
  const answer = await ask(client, port)
  client.close()
  return answer
}

/** Sends until there is an answer: that to a datagram which was under way during a change never comes. */
function ask(client: Socket, port: number): Promise<Answer> {
  return new Promise(resolve => {
    const send = () => client.send('who?', port, '127.0.0.1')
    const again = setInterval(send, 2)
    client.once('message', datagram => {
      clearInterval(again)
      const [group = '', target = ''] = datagram.toString().split(' ')
      resolve({ group, target })
    })
    send()
  })
}

/** The form that gives all weight to `chosen`. */
function modifyListener(listenerArn: string, groups: readonly TargetGroup[], chosen: TargetGroup): string {
  const member = 'DefaultActions.member.1'
  const form = new URLSearchParams({
    Action: 'ModifyListener',
    Version: '2015-12-01',
    ListenerArn: listenerArn,
    [`${member}.Type`]: 'forward',
  })
  for (const [i, group] of groups.entries()) {
    const tuple = `${member}.ForwardConfig.TargetGroups.member.${i + 1}`
    form.set(`${tuple}.TargetGroupArn`, group.arn)
    form.set(`${tuple}.Weight`, group === chosen ? '1' : '0')
  }
  return form.toString()
}

function quantiles(times: number[]): string {
  times.sort((a, b) => a - b)
  const at = (q: number) => `${times[Math.ceil(q * times.length) - 1]!.toFixed(1)} ms`
  return `p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}`
}
