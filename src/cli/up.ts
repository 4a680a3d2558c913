import { systemClock as clock } from '../clock.ts'
import type { ControlReady } from '../control.ts'
import { printTiming } from '../domain/timing.ts'
import { log } from '../log.ts'
import type { NodeReady } from '../node.ts'
import type { Status } from '../status.ts'
import { version } from '../version.ts'
import { exampleHints, exampleIsSetUp, sampleTargets, setUpExample } from './example.ts'
import { inquire } from './inquiry.ts'
import type { Options } from './options.ts'
import { type Stop, type Supervised, supervise } from './supervise.ts'

/** Runs Sluice until it is told to stop: one control process, one node process, and the example's sample targets. */
export async function up(options: Options): Promise<void> {
  const children: Supervised[] = []
  const kernel = { isUsed: false }
  stopOnSignals(children, kernel, options)
  const refused = (): void => {
    // It has said why; the others have nothing to do without it.
    for (const child of children) child.kill()
    process.exit(1)
  }
  const run = (
    name: string,
    module: string,
    argument: () => unknown,
    onMessage: (message: unknown) => void,
    onRefused = refused,
  ) => {
    const child = supervise({
      name,
      module: new URL(module, import.meta.url),
      argument,
      clock,
      log: line => log('sluice', line),
      onMessage,
      onRefused,
    })
    children.push(child)
    return child
  }

  let { port } = options
  const control = await new Promise<ControlReady>(resolve => {
    const told = () => ({ ...options, port })
    run('control', '../control.ts', told, message => resolve(message as ControlReady))
  })
  // With --port 0 the system chooses, once: a control process that is started again is found where the first one was.
  port = Number(new URL(control.url).port)
  await new Promise<NodeReady>(resolve => {
    run(
      'node',
      '../node.ts',
      () => options,
      message => {
        const ready = message as NodeReady
        kernel.isUsed = ready.usesKernel
        resolve(ready)
      },
    )
  })
  process.stdout.write(banner(control.url, options))

  if (!options.example) return
  try {
    if (!control.fresh && !(await exampleIsSetUp(control.url, options))) return
    const samples = await Promise.all(
      sampleTargets.map(target => {
        const name = `sample target ${target.name}`
        return new Promise<{ readonly name: string; readonly pid: number | undefined } | undefined>(resolve => {
          const sample = run(
            name,
            './sample-target.ts',
            () => target,
            () => resolve({ name: target.name, pid: sample.pid }),
            () => resolve(undefined),
          )
        })
      }),
    )
    if (control.fresh) await setUpExample(control.url, options)
    process.stdout.write(exampleHints(samples.filter(sample => sample !== undefined)))
    if (options.tasks === 'none') return
    const shop = await import('./deployment-example.ts')
    if (!(await shop.deploymentExampleIsSetUp(control.url, options)))
      await shop.setUpDeploymentExample(control.url, options)
    const isThere = await isInPlace({ ...options, port })
    process.stdout.write(isThere ? shop.deploymentHints(options) : shop.deploymentHindered)
  } catch (error) {
    log('sluice', `the example could not be set up: ${(error as Error).message}`)
  }
}

/** Whether all listeners are in place, once the node has tried all that was asked for; it has ten seconds to do so. */
async function isInPlace(options: Options): Promise<boolean> {
  const deadline = clock.monotonic() + 10_000
  for (;;) {
    const status = await inquire<Status>(options, { path: '/_sluice/status' })
    const isTried = typeof status !== 'string' && status.node.revision >= status.revision
    if (isTried || clock.monotonic() > deadline) return isTried && status.listeners.every(({ isInPlace }) => isInPlace)
    await new Promise<void>(resolve => clock.after(100, resolve))
  }
}

/** A terminal's Ctrl-C comes twice under `npm start`: npm, which has it too, passes it on. */
const onceMs = process.env.npm_lifecycle_event === 'start' ? 300 : 0

/**
 * SIGINT, from a terminal: everything stops in order, established connections finish, nothing is left behind. SIGTERM, from whoever runs
 * services: the same, but what the kernel serves goes on, so that a restart or an upgrade interrupts nothing. A second signal
 * ends everything at once.
 */
function stopOnSignals(
  children: readonly Supervised[],
  kernel: { readonly isUsed: boolean },
  { dataDir, drainSeconds }: Options,
): void {
  let stoppingSince: number | undefined
  const cleanup = `bin/sluice cleanup --data-dir ${dataDir}`
  const onSignal = (how: Stop) => {
    if (stoppingSince !== undefined) {
      if (clock.monotonic() - stoppingSince < onceMs) return
      for (const child of children) child.kill()
      if (kernel.isUsed) log('sluice', `what the kernel has of it stays there: ${cleanup} removes it`)
      process.exit(1)
    }
    stoppingSince = clock.monotonic()
    const finish = `connections have ${drainSeconds} s to finish (once more: stop at once)`
    if (how === 'leave' && kernel.isUsed)
      log('sluice', `stopping; what the kernel serves goes on until the next start (or ${cleanup}), other ${finish}`)
    else log('sluice', `stopping; established ${finish}`)
    // Sample targets last: connections to them are to finish, too. The node is told first, lest it report a lost control process.
    const [control, node, ...samples] = children
    // The control process ends tasks.
    Promise.resolve(node?.stop(how))
      .then(() => control?.stop(how))
      .then(() => Promise.all(samples.map(sample => sample.stop())))
      .then(() => process.exit(0))
  }
  process.on('SIGINT', () => onSignal('stop'))
  process.on('SIGTERM', () => onSignal('leave'))
}

function banner(url: string, options: Options): string {
  const keys =
    options.credentials === undefined
      ? '  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n'
      : `  # sign with a key of ${options.credentials}\n`
  const timing = printTiming(options.timing)
  const port = options.port === 4566 ? '' : ` --port ${new URL(url).port}`
  const credentials = options.credentials === undefined ? '' : ` --credentials ${options.credentials}`
  return `
sluice ${version} serves AWS's Elastic Load Balancing API at ${url}
state: ${options.dataDir}
${timing === undefined ? '' : `timing: ${timing}\n`}
Paste this into another terminal:
  export AWS_ENDPOINT_URL=${url} AWS_REGION=${options.region} AWS_DEFAULT_REGION=${options.region}
${keys}
and try:
  aws elbv2 describe-load-balancers
  bin/sluice doctor${port}${credentials}
`
}
