import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revisionArnOf, taskSetArnOf, taskSetHexOf } from './service-deployment.ts'
import { newTaskSet } from './task-set.ts'

const serviceArn = 'arn:aws:ecs:us-east-1:000000000000:service/default/web'

for (const hex of ['0000000000000000', '000000000000002a', '7fffffffffffffff', 'ffffffffffffffff']) {
  test(`a revision leads back to the task set that was made of ${hex}`, () => {
    const service = { arn: serviceArn, desiredCount: 1, loadBalancers: [], recorded: {} }
    const make = (digits: string) =>
      // The rest of a service does not matter to a task set.
      newTaskSet(service as never, digits, 0, { taskDefinitionArn: 'arn:td', status: 'PRIMARY' })
    const set = make(hex)
    const arn = revisionArnOf(set)
    assert.match(arn, /^arn:aws:ecs:us-east-1:000000000000:service-revision\/default\/web\/\d{19}$/)
    assert.equal(taskSetArnOf(arn), set.arn)
    assert.equal(make(taskSetHexOf(arn)).arn, set.arn)
  })
}
