import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NormalizedSchema } from '@smithy/core/schema'
import { checkInput } from '../check-input.ts'
import { findOperation } from '../query-protocol.ts'
import { awsError } from './account.fixture.ts'
import { elbv2 } from './service.ts'

test('every action and every constraint names something that the SDK knows', async () => {
  const { schemas, actions, constraints = {} } = await elbv2.load()
  assert.deepEqual(Object.keys(actions), elbv2.actionNames)
  for (const name of elbv2.actionNames) assert(schemas[`${name}$`] !== undefined, name)
  for (const path of Object.keys(constraints)) {
    const [structure, member] = path.split('.')
    const schema = schemas[`${structure}$`]
    assert(schema !== undefined, path)
    const members = [...NormalizedSchema.of(schema as never).structIterator()].map(([name]) => name)
    assert(members.includes(member ?? ''), path)
  }
})

test('tags are made of letters, digits, spaces and a few signs, of any script', async () => {
  const { constraints = {}, schemas } = await elbv2.load()
  const operation = findOperation(schemas, 'AddTags') ?? assert.fail()
  const add = (Key: string, Value: string) =>
    checkInput({ ResourceArns: ['a'], Tags: [{ Key, Value }] }, operation, constraints, 'query')
  add('Grüße an 世界_.:/=+-@', '')
  assert.throws(() => add('a', '<b>'), awsError('ValidationError', "Value '<b>' at 'tags.1.member.value' failed"))
  assert.throws(() => add('a&b', ''), awsError('ValidationError', "Value 'a&b' at 'tags.1.member.key' failed"))
})
