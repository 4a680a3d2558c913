import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock } from '../../../clock.ts'
import type { KernelEngine, Suspicion } from '../../engine.ts'
import { openNftablesEngine } from '../engine.ts'
import { tableOf } from '../names.ts'
import { Sysctl } from '../sysctl.ts'
import { buildHosts, places } from './packet-hosts.fixture.ts'
import { endConversations, serve } from './packet-traffic.fixture.ts'

interface Stage {
  readonly engine: KernelEngine
  /** Of which targets the engine has said that they refuse, by `targetKey`. */
  readonly suspects: Set<string>
  close(): Promise<void>
}

/** The kernel engine on the balancer of `packet-hosts.fixture.ts`, where this process then is, and services around it. */
export async function openStage(): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const closers: (() => unknown)[] = [() => rmSync(directory, { recursive: true }), buildHosts()]
  const close = async () => {
    endConversations()
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const suspects = new Set<string>()
    const engine = await openNftablesEngine({
      table: tableOf(directory),
      clock,
      sysctl: new Sysctl({ directory, maySet: false, log: console.error }),
      isComplete: () => true,
      onSuspicion: ({ target }: Suspicion) => suspects.add(target),
      onProblems() {},
      log: console.error,
    })
    closers.push(() => engine.close(0))
    for (const place of ['target', 'inside', 'task', 'loopback'] as const) {
      const { host, ipv4, ipv6 } = places[place]
      for (const address of [ipv4, ipv6]) for (const port of [9000, 9001]) closers.push(serve(host, address, port))
    }
    return { engine, suspects, close }
  } catch (error) {
    await close()
    throw error
  }
}
