import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceContract } from '../service.contract.ts'
import { openStubApi } from '../stub-api.fixture.ts'
import { codedeploy } from './service.ts'

serviceContract(codedeploy)

/** Of each action: the error of the first thing that it cannot do without. */
const refusals = {
  ApplicationNameRequiredException: [
    'BatchGetApplications',
    'BatchGetDeploymentGroups',
    'CreateApplication',
    'CreateDeployment',
    'CreateDeploymentGroup',
    'DeleteApplication',
    'DeleteDeploymentGroup',
    'GetApplication',
    'GetApplicationRevision',
    'GetDeploymentGroup',
    'ListApplicationRevisions',
    'ListDeploymentGroups',
    'UpdateApplication',
    'UpdateDeploymentGroup',
  ],
  DeploymentConfigNameRequiredException: ['CreateDeploymentConfig', 'DeleteDeploymentConfig', 'GetDeploymentConfig'],
  DeploymentIdRequiredException: [
    'BatchGetDeploymentTargets',
    'BatchGetDeployments',
    'ContinueDeployment',
    'GetDeployment',
    'GetDeploymentTarget',
    'ListDeploymentTargets',
    'PutLifecycleEventHookExecutionStatus',
    'StopDeployment',
  ],
  ResourceArnRequiredException: ['ListTagsForResource', 'TagResource', 'UntagResource'],
}

test('a call that leaves out everything is answered with the error of what is missing first', async t => {
  const { url } = await openStubApi(t, { services: [codedeploy] })
  const headers = {
    'Content-Type': 'application/x-amz-json-1.1',
    Authorization: 'AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/codedeploy/aws4_request',
  }
  const refused: (readonly [code: string, action: string])[] = []
  for (const name of codedeploy.actionNames) {
    const target = { 'X-Amz-Target': `${codedeploy.targetPrefix}.${name}` }
    const response = await fetch(url, { method: 'POST', headers: { ...headers, ...target }, body: '{}' })
    if (!response.ok) refused.push([((await response.json()) as { __type: string }).__type, name])
  }
  const expected = Object.entries(refusals).flatMap(([code, names]) => names.map(name => [code, name]))
  assert.deepEqual(refused.sort(), expected)
})
