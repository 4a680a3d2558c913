/** A task as Docker has it: what it is told to create, and what it says of a container. All pure. */
import { constants } from 'node:os'
import type { Place, TaskSpec } from '../runtime.ts'

export const labels = { dataDir: 'sluice.data-dir-hash', task: 'sluice.task', name: 'sluice.task-definition' } as const

export function containerName(taskId: string): string {
  return `sluice-${taskId}`
}

/** The body of `POST /containers/create`. */
export function creationOf(spec: TaskSpec, dataDirHash: string): object {
  const check = spec.healthCheck
  const nanoseconds = 1_000_000_000
  return {
    Image: spec.image,
    // An empty list would take the image's own away.
    ...(spec.entryPoint.length > 0 && { Entrypoint: spec.entryPoint }),
    ...(spec.command.length > 0 && { Cmd: spec.command }),
    ...(spec.workingDirectory !== undefined && { WorkingDir: spec.workingDirectory }),
    Env: Object.entries({ ...ownEnvironment(spec), ...spec.environment }).map(([name, value]) => `${name}=${value}`),
    ExposedPorts: Object.fromEntries(spec.ports.map(port => [portName(port), {}])),
    Labels: { [labels.dataDir]: dataDirHash, [labels.task]: spec.id, [labels.name]: spec.name },
    // Docker counts whole seconds, as AWS's stopTimeout does; what is left of one is given.
    StopTimeout: Math.ceil(spec.stopTimeoutMs / 1_000),
    // Without a check of the task's own none is run: AWS looks at no image's HEALTHCHECK.
    Healthcheck:
      check === undefined
        ? { Test: ['NONE'] }
        : {
            Test: check.command,
            Interval: check.intervalSeconds * nanoseconds,
            Timeout: check.timeoutSeconds * nanoseconds,
            StartPeriod: check.startPeriodSeconds * nanoseconds,
            Retries: check.retries,
          },
    HostConfig: {
      // Docker drops what is forwarded to a container's port, as the kernel engine does, unless the port is published; where does not matter.
      PortBindings: Object.fromEntries(
        spec.ports.map(port => [portName(port), [{ HostIp: '127.0.0.1', HostPort: '' }]]),
      ),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    },
  }
}

function portName({ containerPort, protocol }: TaskSpec['ports'][number]): string {
  return `${containerPort}/${protocol}`
}

/**
 * What a task's own environment does not say, which goes first, as in AWS. The container's address is not known before it starts: a
 * program that binds HOST and PORT serves at all it has.
 */
function ownEnvironment({ ports }: TaskSpec): Record<string, string> {
  const numbered = ports.map(({ containerPort: port }) => [`PORT_${port}`, String(port)])
  const first = ports[0] && { PORT: String(ports[0].containerPort) }
  return { HOST: '0.0.0.0', ...first, ...Object.fromEntries(numbered) }
}

/** What is read of `GET /containers/NAME/json`. */
export interface Inspection {
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly OOMKilled: boolean
    readonly ExitCode: number
    /** RFC 3339, with nanoseconds. */
    readonly StartedAt: string
    readonly Health?: { readonly Status: string }
  }
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> }
}

export type Observed =
  | {
      readonly kind: 'running'
      readonly place: Place
      readonly startedAt: number
      readonly health?: 'HEALTHY' | 'UNHEALTHY'
    }
  | { readonly kind: 'stopped'; readonly failedToStart: boolean; readonly reason: string; readonly exitCode?: number }

/** What a container's inspection says of its task; `undefined`: there is no such container. */
export function observe(spec: TaskSpec, container: Inspection | undefined): Observed {
  if (container === undefined) return { kind: 'stopped', failedToStart: false, reason: 'its container is gone' }
  const { State } = container
  const address = Object.values(container.NetworkSettings.Networks)[0]?.IPAddress
  if (State.Running && !address) return { kind: 'stopped', failedToStart: true, reason: noAddress }
  if (State.Running && address) {
    const health = State.Health?.Status
    return {
      kind: 'running',
      place: { address, ports: Object.fromEntries(spec.ports.map(({ containerPort: port }) => [port, port])) },
      startedAt: Date.parse(State.StartedAt),
      ...(health === 'healthy' && { health: 'HEALTHY' }),
      ...(health === 'unhealthy' && { health: 'UNHEALTHY' }),
    }
  }
  if (State.Status === 'created') return { kind: 'stopped', failedToStart: false, reason: notStarted }
  return { kind: 'stopped', failedToStart: false, reason: reasonOf(State), exitCode: State.ExitCode }
}

const notStarted = 'had not started when Sluice ended'
const noAddress = 'Docker gave it no address: dockerd must have its bridge network (no --bridge=none)'

const signals = new Map(Object.entries(constants.signals).map(([name, number]) => [128 + number, name]))

function reasonOf({ OOMKilled, ExitCode }: Inspection['State']): string {
  // AWS's own words.
  if (OOMKilled) return 'OutOfMemoryError: Container killed due to memory usage'
  const signal = signals.get(ExitCode)
  return signal === undefined ? `exited with ${ExitCode}` : `killed by ${signal}`
}

/**
 * The query of `POST /images/create`. A name with neither tag nor digest means `latest`, as everywhere but in this call, for which it
 * means all tags there are.
 */
export function pullOf(image: string): { readonly fromImage: string; readonly tag?: string } {
  const last = image.slice(image.lastIndexOf('/') + 1)
  return /[:@]/.test(last) ? { fromImage: image } : { fromImage: image, tag: 'latest' }
}
