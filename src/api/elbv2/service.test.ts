import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkInput } from '../check-input.ts'
import { findOperation } from '../query-protocol.ts'
import { serviceContract } from '../service.contract.ts'
import { awsError } from './account.fixture.ts'
import { elbv2 } from './service.ts'

serviceContract(elbv2)

test('tags are made of letters, digits, spaces and a few signs, of any script', async () => {
  const { constraints = {}, schemas } = await elbv2.load()
  const operation = findOperation(schemas, 'AddTags') ?? assert.fail()
  const add = (Key: string, Value: string) =>
    checkInput({ ResourceArns: ['a'], Tags: [{ Key, Value }] }, operation, constraints, 'query')
  add('Grüße an 世界_.:/=+-@', '')
  assert.throws(() => add('a', '<b>'), awsError('ValidationError', "Value '<b>' at 'tags.1.member.value' failed"))
  assert.throws(() => add('a&b', ''), awsError('ValidationError', "Value 'a&b' at 'tags.1.member.key' failed"))
})
