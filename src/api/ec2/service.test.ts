import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NormalizedSchema } from '@smithy/core/schema'
import { ec2 } from './service.ts'

test('every action and every constraint names something that the SDK knows', async () => {
  const { schemas, actions, constraints = {} } = await ec2.load()
  assert.deepEqual(Object.keys(actions), ec2.actionNames)
  for (const name of ec2.actionNames) assert(schemas[`${name}$`] !== undefined, name)
  for (const path of Object.keys(constraints)) {
    const [structure, member] = path.split('.')
    const schema = schemas[`${structure}$`]
    assert(schema !== undefined, path)
    const members = [...NormalizedSchema.of(schema as never).structIterator()].map(([name]) => name)
    assert(members.includes(member ?? ''), path)
  }
})
