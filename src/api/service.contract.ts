import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NormalizedSchema } from '@smithy/core/schema'
import type { Service } from './call.ts'

/** What the table of each service must be. */
export function serviceContract(service: Service): void {
  test('every action and every constraint names something that the SDK knows', async () => {
    const { schemas, actions, constraints = {} } = await service.load()
    assert.deepEqual(Object.keys(actions), service.actionNames)
    for (const name of service.actionNames) assert(schemas[`${name}$`] !== undefined, name)
    for (const path of Object.keys(constraints)) {
      const [structure, member] = path.split('.')
      const schema = schemas[`${structure}$`]
      assert(schema !== undefined, path)
      const members = [...NormalizedSchema.of(schema as never).structIterator()].map(([name]) => name)
      assert(members.includes(member ?? ''), path)
    }
  })
}
