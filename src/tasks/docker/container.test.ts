import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskSpec } from '../runtime.ts'
import { creationOf, type Inspection, observe, pullOf } from './container.ts'

const spec: TaskSpec = {
  id: '0123456789abcdef0123456789abcdef',
  name: 'web:3',
  image: 'web:green',
  entryPoint: ['/server'],
  command: ['--fast'],
  workingDirectory: '/srv',
  environment: { COLOR: 'green' },
  ports: [
    { containerPort: 80, protocol: 'tcp' },
    { containerPort: 53, protocol: 'udp' },
  ],
  stopTimeoutMs: 2_500,
  healthCheck: {
    command: ['CMD-SHELL', 'test -e /ok'],
    intervalSeconds: 5,
    timeoutSeconds: 2,
    retries: 3,
    startPeriodSeconds: 10,
  },
}

const running: Inspection = {
  State: {
    Status: 'running',
    Running: true,
    OOMKilled: false,
    ExitCode: 0,
    StartedAt: '2026-01-01T00:00:01.250302953Z',
  },
  NetworkSettings: { Networks: { bridge: { IPAddress: '172.17.0.2' } } },
}

function exited(state: Partial<Inspection['State']>): Inspection {
  return { ...running, State: { ...running.State, Status: 'exited', Running: false, ...state } }
}

test('a container is created as its task says', () => {
  assert.deepEqual(creationOf(spec, 'abcd'), {
    Image: 'web:green',
    Entrypoint: ['/server'],
    Cmd: ['--fast'],
    WorkingDir: '/srv',
    Env: ['HOST=0.0.0.0', 'PORT=80', 'PORT_80=80', 'PORT_53=53', 'COLOR=green'],
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Labels: { 'sluice.data-dir-hash': 'abcd', 'sluice.task': spec.id, 'sluice.task-definition': 'web:3' },
    StopTimeout: 3,
    Healthcheck: {
      Test: ['CMD-SHELL', 'test -e /ok'],
      Interval: 5_000_000_000,
      Timeout: 2_000_000_000,
      StartPeriod: 10_000_000_000,
      Retries: 3,
    },
    HostConfig: {
      PortBindings: {
        '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
        '53/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
      },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    },
  })
})

test('what a task does not say is the image’s, but for a health check', () => {
  const { healthCheck, workingDirectory, ...rest } = spec
  const creation = creationOf({ ...rest, entryPoint: [], command: [], ports: [], environment: { HOST: '::' } }, 'abcd')
  for (const member of ['Entrypoint', 'Cmd', 'WorkingDir']) assert.ok(!(member in creation), member)
  assert.partialDeepStrictEqual(creation, { Env: ['HOST=::'], Healthcheck: { Test: ['NONE'] } })
})

test('a container that runs is a place, and healthy or not once Docker knows', () => {
  const place = { address: '172.17.0.2', ports: { 53: 53, 80: 80 } }
  const seen = { kind: 'running', place, startedAt: Date.UTC(2026, 0, 1, 0, 0, 1, 250) }
  const checked = (Status: string) => observe(spec, { ...running, State: { ...running.State, Health: { Status } } })
  assert.deepEqual(observe(spec, running), seen)
  assert.deepEqual(checked('starting'), seen)
  assert.deepEqual(checked('healthy'), { ...seen, health: 'HEALTHY' })
  assert.deepEqual(checked('unhealthy'), { ...seen, health: 'UNHEALTHY' })
})

test('a container that does not run says why', () => {
  for (const [container, failedToStart, reason, exitCode] of [
    [undefined, false, 'its container is gone', undefined],
    [exited({ ExitCode: 0 }), false, 'exited with 0', 0],
    [exited({ ExitCode: 3 }), false, 'exited with 3', 3],
    [exited({ ExitCode: 137 }), false, 'killed by SIGKILL', 137],
    [exited({ ExitCode: 143 }), false, 'killed by SIGTERM', 143],
    [exited({ ExitCode: 255 }), false, 'exited with 255', 255],
    [exited({ ExitCode: 137, OOMKilled: true }), false, 'OutOfMemoryError: Container killed due to memory usage', 137],
    [exited({ Status: 'created' }), false, 'had not started when Sluice ended', undefined],
    [
      { ...running, NetworkSettings: { Networks: { none: { IPAddress: '' } } } },
      true,
      'Docker gave it no address: dockerd must have its bridge network (no --bridge=none)',
      undefined,
    ],
  ] as const) {
    assert.deepEqual(observe(spec, container), {
      kind: 'stopped',
      failedToStart,
      reason,
      ...(exitCode !== undefined && { exitCode }),
    })
  }
})

test('an image without tag or digest is pulled as latest, whatever the port of its registry', () => {
  assert.deepEqual(pullOf('nginx'), { fromImage: 'nginx', tag: 'latest' })
  assert.deepEqual(pullOf('localhost:5000/web'), { fromImage: 'localhost:5000/web', tag: 'latest' })
  assert.deepEqual(pullOf('localhost:5000/web:2'), { fromImage: 'localhost:5000/web:2' })
  assert.deepEqual(pullOf('web@sha256:00ff'), { fromImage: 'web@sha256:00ff' })
})
