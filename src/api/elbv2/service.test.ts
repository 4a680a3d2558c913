import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NormalizedSchema } from '@smithy/core/schema'
import { elbv2 } from './service.ts'

test('the service names exactly the actions that it has, and the SDK has a schema for each', async () => {
  const { actions, schemas } = await elbv2.load()
  assert.deepEqual(Object.keys(actions).sort(), elbv2.actionNames.toSorted())
  for (const name of elbv2.actionNames) assert.ok(`${name}$` in schemas, name)
})

test('each constraint is about a member that the SDK knows', async () => {
  const { constraints, schemas } = await elbv2.load()
  for (const key of Object.keys(constraints)) {
    const [structure = '', member = ''] = key.split('.')
    const schema = schemas[`${structure}$`]
    assert.ok(schema, `${key}: no such structure`)
    assert.ok(member in NormalizedSchema.of(schema as never).getMemberSchemas(), `${key}: no such member`)
  }
})
