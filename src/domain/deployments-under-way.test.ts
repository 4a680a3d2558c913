import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from './code-deploy.ts'
import { deploymentsUnderWay } from './deployments-under-way.ts'
import type { ServiceDeployment } from './service-deployment.ts'

const arn = 'arn:aws:ecs:us-east-1:000000000000:service-deployment/default/web/abc'

/** What of a record is shown; the rest does not matter. */
type Shown<D extends { readonly progress?: unknown }> = Partial<Omit<D, 'progress'>> & {
  readonly progress?: Partial<D['progress']>
}

function codeDeploy(id: string, extra: Shown<Deployment>): readonly [string, Deployment] {
  const { progress, ...rest } = extra
  const usual = { applicationName: 'shop', deploymentGroupName: 'web', creator: 'user', status: 'InProgress' }
  return [id, { id, ...usual, ...rest, progress: { step: 'Install', since: 5, shifted: 0, ...progress } } as Deployment]
}

function ofService(extra: Shown<ServiceDeployment>): readonly [string, ServiceDeployment] {
  const serviceArn = 'arn:aws:ecs:us-east-1:000000000000:service/default/web'
  return [
    arn,
    { arn, serviceArn, status: 'IN_PROGRESS', hookRuns: [], createdAt: 3, startedAt: 4, ...extra } as ServiceDeployment,
  ]
}

test('deployments that are not over, of both kinds, with where they are; a rollback is its deployment’s', () => {
  const deployments = new Map([
    codeDeploy('d-OVER', { status: 'Succeeded' }),
    codeDeploy('d-SHIFTS', { progress: { step: 'AllowTraffic', shifted: 10 } }),
    codeDeploy('d-RECORD', { creator: 'codeDeployRollback' }),
  ])
  const progress = { stage: 'BAKE_TIME', phase: 'bake', since: 7, shifted: 100 } as const
  const serviceDeployments = new Map([ofService({ progress })])
  assert.deepEqual(deploymentsUnderWay({ deployments, serviceDeployments }), [
    {
      id: 'd-SHIFTS',
      subject: 'deployment group shop/web',
      status: 'InProgress',
      step: 'AllowTraffic',
      since: 5,
      shifted: 10,
      waitsFor: [],
    },
    {
      id: arn,
      subject: 'service default/web',
      status: 'IN_PROGRESS',
      step: 'BAKE_TIME',
      since: 7,
      shifted: 100,
      waitsFor: [],
    },
  ])
})

test('a rolling update has no stage and no share, and is there since it started, or was asked for', () => {
  const since = (extra: Shown<ServiceDeployment>) => {
    const [its] = deploymentsUnderWay({ deployments: new Map(), serviceDeployments: new Map([ofService(extra)]) })
    return [its?.since, its?.step, its?.shifted]
  }
  assert.deepEqual(since({}), [4, undefined, undefined])
  assert.deepEqual(since({ status: 'PENDING', startedAt: undefined as never }), [3, undefined, undefined])
})

test('what stands still says which command lets it go on, and what goes back says why', () => {
  const deployments = new Map([
    codeDeploy('d-READY', { status: 'Ready', progress: { step: 'ReadyWait' } }),
    codeDeploy('d-BACK', {
      progress: { step: 'Rollback', verdict: { status: 'Stopped', code: 'MANUAL_STOP', message: 'stopped' } },
    }),
  ])
  const hookRuns = (['AWAITING_ACTION', 'SUCCEEDED'] as const).map((status, i) => ({
    ...{ id: `ecs-pause-${i}`, hook: i, stage: 'POST_SCALE_UP' as const, status, startedAt: 0, expiresAt: 9 },
  }))
  const rollback = { reason: 'an alarm', startedAt: 8, revisionArn: 'arn:revision' }
  const serviceDeployments = new Map([ofService({ hookRuns, rollback })])
  const shown = deploymentsUnderWay({ deployments, serviceDeployments })
  assert.deepEqual(
    shown.map(({ waitsFor, goesBack }) => [goesBack, ...waitsFor]),
    [
      [undefined, 'aws deploy continue-deployment --deployment-id d-READY --deployment-wait-type READY_WAIT'],
      ['stopped'],
      ['an alarm', `aws ecs continue-service-deployment --service-deployment-arn ${arn} --hook-id ecs-pause-0`],
    ],
  )
})
