import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import type { Deployment } from '../../domain/code-deploy.ts'
import { openMemoryStore } from '../../store/memory.ts'
import type { Store } from '../../store/store.ts'
import { awsCli, awsPrograms } from '../aws-cli.fixture.ts'
import { ecs } from '../ecs/service.ts'
import { openStubApi } from '../stub-api.fixture.ts'
import { appSpec, DeployAccount } from './code-deploy.fixture.ts'
import { codedeploy } from './service.ts'

/**
 * A folder for the CLI to find CodeDeploy's endpoint in: `aws ecs deploy` tells ECS alone of `--endpoint-url`, and before 2.13 it does not know
 * AWS_ENDPOINT_URL.
 */
function endpointRules(t: TestContext, url: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-models-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const its = join(folder, 'codedeploy', '2014-10-06')
  mkdirSync(its, { recursive: true })
  const parameters = {
    Region: { builtIn: 'AWS::Region', required: false, type: 'String' },
    UseDualStack: { builtIn: 'AWS::UseDualStack', required: true, default: false, type: 'Boolean' },
    UseFIPS: { builtIn: 'AWS::UseFIPS', required: true, default: false, type: 'Boolean' },
    Endpoint: { builtIn: 'SDK::Endpoint', required: false, type: 'String' },
  }
  const rules = [{ conditions: [], type: 'endpoint', endpoint: { url, properties: {}, headers: {} } }]
  writeFileSync(join(its, 'endpoint-rule-set-1.json'), JSON.stringify({ version: '1.0', parameters, rules }))
  return folder
}

/** A store with an account that is ready to deploy, and the AWS CLI on a server of it. */
async function opened(t: TestContext) {
  const account = new DeployAccount()
  const cluster = { arn: account.service.clusterArn, name: 'main', status: 'ACTIVE', tags: [] } as const
  account.put({ table: 'clusters', key: cluster.arn, value: cluster })
  const store = openMemoryStore(account.state)
  const { url } = await openStubApi(t, { store, services: [codedeploy, ecs] })
  const { print, run } = awsCli(url, { environment: { AWS_DATA_PATH: endpointRules(t, url) } })
  const deploy = (name: string, input: object) => run(`deploy ${name}`, '--cli-input-json', JSON.stringify(input))
  return { account, store, print, deploy }
}

function change(store: Store, deployment: Deployment, its: Partial<Deployment>): Promise<unknown> {
  const value = { ...deployment, ...its }
  return store.transact(store.read().revision, [{ table: 'deployments', key: deployment.id, value }])
}

test('with `aws deploy`: an application, a group, and a deployment that is watched and stopped', async t => {
  if (awsPrograms().length === 0) return lacking(t, 'aws (Debian: awscli)')
  const { account, store, deploy } = await opened(t)
  await deploy('create-application', { applicationName: 'app', computePlatform: 'ECS' })
  await deploy('create-deployment-group', account.groupInput())
  const revision = { revisionType: 'AppSpecContent', appSpecContent: { content: appSpec() } }
  const { deploymentId } = await deploy('create-deployment', {
    applicationName: 'app',
    deploymentGroupName: 'group',
    revision,
  })
  const created = store.read().deployments.get(deploymentId) ?? assert.fail()
  const [first, ...others] = created.events
  const events = [
    { ...(first ?? assert.fail()), status: 'InProgress', startedAt: created.createdAt } as const,
    ...others,
  ]
  await change(store, created, { status: 'InProgress', startedAt: created.createdAt, events })

  const { deploymentInfo } = await deploy('get-deployment', { deploymentId })
  assert.equal(deploymentInfo.status, 'InProgress')
  assert.equal(deploymentInfo.deploymentOverview.InProgress, 1)
  const target = await deploy('get-deployment-target', { deploymentId, targetId: 'main:web' })
  const { lifecycleEvents, taskSetsInfo } = target.deploymentTarget.ecsTarget
  assert.equal(lifecycleEvents[0].status, 'InProgress')
  assert.ok(lifecycleEvents[0].startTime)
  assert.equal(taskSetsInfo[0].trafficWeight, 100)
  assert.equal((await deploy('stop-deployment', { deploymentId, autoRollbackEnabled: true })).status, 'Pending')
  assert.equal(store.read().deployments.get(deploymentId)?.asked.stop?.rollback, true)
  await assert.rejects(
    deploy('create-deployment', { applicationName: 'app', deploymentGroupName: 'group', revision }),
    /DeploymentLimitExceededException.*The Deployment Group 'group' already has an active Deployment/s,
  )
})

test('with `aws ecs deploy`: a task definition is registered, deployed and waited for', async t => {
  if (awsPrograms().length === 0) return lacking(t, 'aws (Debian: awscli)')
  const { account, store, print, deploy } = await opened(t)
  await deploy('create-application', { applicationName: 'app', computePlatform: 'ECS' })
  await deploy('create-deployment-group', account.groupInput())
  const stop = store.watch(({ state }) => {
    for (const deployment of state.deployments.values()) {
      if (deployment.status === 'Created') void change(store, deployment, { status: 'Succeeded' })
    }
  })
  t.after(stop)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-deploy-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const portMappings = [{ containerPort: 9000, protocol: 'udp' }]
  const container = { name: 'web', image: 'hello:3', memory: 64, portMappings }
  const [taskDefinition, spec] = [join(folder, 'task-definition.json'), join(folder, 'appspec.yaml')]
  writeFileSync(taskDefinition, JSON.stringify({ family: 'hello', containerDefinitions: [container] }))
  writeFileSync(spec, appSpec())
  const told = await print(
    'ecs deploy --cluster main --service web --codedeploy-application app --codedeploy-deployment-group group',
    ...['--task-definition', taskDefinition, '--codedeploy-appspec', spec],
  )
  assert.match(told, /Successfully deployed .*task-definition\/hello:3/)
  const [deployment] = store.read().deployments.values()
  assert.match(deployment?.appSpec.taskDefinitionArn ?? '', /hello:3$/)
})
