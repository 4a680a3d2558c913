import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codedeploy } from './service.ts'

test('every action is one that the SDK knows', async () => {
  const { schemas, actions } = await codedeploy.load()
  assert.deepEqual(Object.keys(actions), codedeploy.actionNames)
  for (const name of codedeploy.actionNames) assert(schemas[`${name}$`] !== undefined, name)
})
