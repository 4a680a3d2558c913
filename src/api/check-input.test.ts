import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as ec2Schemas from '@aws-sdk/client-ec2'
import * as ecsSchemas from '@aws-sdk/client-ecs'
import * as elbv2Schemas from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Constraints } from './call.ts'
import { checkInput } from './check-input.ts'
import { findOperation } from './query-protocol.ts'

const constraints: Constraints = {
  'CreateTargetGroupInput.Name': { min: 1, max: 32, pattern: /^[A-Za-z0-9-]*$/ },
  'CreateTargetGroupInput.Port': { min: 1, max: 65535 },
  'CreateTargetGroupInput.Protocol': { enum: ['TCP', 'UDP'] },
  'TargetDescription.Port': { max: 65535 },
  'DescribeTargetHealthInput.Include': { max: 2, enum: ['AnomalyDetection', 'All'] },
  'CreateVpcRequest.CidrBlock': { pattern: /^[0-9./]+$/ },
}

function refusal(action: string, input: Record<string, unknown>): { code: string; message: string } | undefined {
  const ec2 = action in ec2Operations
  const operation = findOperation(ec2 ? ec2Schemas : elbv2Schemas, action)
  assert.ok(operation)
  try {
    checkInput(input, operation, constraints, ec2 ? 'ec2' : 'query')
  } catch (error) {
    return error as { code: string; message: string }
  }
  return undefined
}

const ec2Operations = { CreateVpc: true, CreateSubnet: true, AuthorizeSecurityGroupIngress: true, CreateTags: true }

for (const [what, action, input, code, message] of [
  [
    'a value that is too large',
    'CreateTargetGroup',
    { Name: 'a', Port: 65536 },
    'ValidationError',
    "1 validation error detected: Value '65536' at 'port' failed to satisfy constraint: Member must have value less than or equal to 65535",
  ],
  [
    'a required member that is absent',
    'CreateTargetGroup',
    {},
    'ValidationError',
    "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
  ],
  [
    'several things at once',
    'CreateTargetGroup',
    { Name: '', Port: 0, Protocol: 'SCTP' },
    'ValidationError',
    "3 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
      "Value 'SCTP' at 'protocol' failed to satisfy constraint: Member must satisfy enum value set: [TCP, UDP]; " +
      "Value '0' at 'port' failed to satisfy constraint: Member must have value greater than or equal to 1",
  ],
  [
    'a pattern that is not met',
    'CreateTargetGroup',
    { Name: 'a_b' },
    'ValidationError',
    "1 validation error detected: Value 'a_b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[A-Za-z0-9-]*$",
  ],
  [
    'something wrong inside a list',
    'RegisterTargets',
    { TargetGroupArn: 'arn', Targets: [{ Id: 'a' }, { Id: 'b', Port: 70000 }, {}] },
    'ValidationError',
    "2 validation errors detected: Value '70000' at 'targets.2.member.port' failed to satisfy constraint: Member must have value less than or equal to 65535; " +
      "Value null at 'targets.3.member.id' failed to satisfy constraint: Member must not be null",
  ],
  [
    'a list that is too long, with an item that is not allowed',
    'DescribeTargetHealth',
    { TargetGroupArn: 'arn', Include: ['All', 'x', 'All'] },
    'ValidationError',
    "2 validation errors detected: Value '[All, x, All]' at 'include' failed to satisfy constraint: Member must have length less than or equal to 2; " +
      "Value 'x' at 'include.2.member' failed to satisfy constraint: Member must satisfy enum value set: [AnomalyDetection, All]",
  ],
  [
    'a missing parameter of EC2',
    'CreateSubnet',
    {},
    'MissingParameter',
    'The request must contain the parameter VpcId',
  ],
  [
    'a wrong value of EC2',
    'CreateVpc',
    { CidrBlock: 'abc' },
    'InvalidParameterValue',
    'Value (abc) for parameter CidrBlock is invalid. It must satisfy regular expression pattern: ^[0-9./]+$',
  ],
] as const) {
  test(`${what} is refused in AWS's words`, () => {
    const error = refusal(action, input)
    assert.equal(error?.code, code)
    assert.equal(error?.message, message)
  })
}

test('JSON services are answered in the same words, as InvalidParameterException', () => {
  const operation = findOperation(ecsSchemas, 'CreateTaskSet')
  assert.ok(operation)
  const loadBalancers = [{ containerName: 'a' }]
  const input = { service: 'a', cluster: 'b', launchType: 'MOON', loadBalancers }
  const rules: Constraints = {
    'CreateTaskSetRequest.launchType': { enum: ['EC2', 'FARGATE'] },
    'LoadBalancer.containerName': { min: 2 },
  }
  assert.throws(() => checkInput(input, operation, rules, 'json'), {
    code: 'InvalidParameterException',
    message:
      "3 validation errors detected: Value null at 'taskDefinition' failed to satisfy constraint: Member must not be null; " +
      "Value 'a' at 'loadBalancers.1.member.containerName' failed to satisfy constraint: Member must have length greater than or equal to 2; " +
      "Value 'MOON' at 'launchType' failed to satisfy constraint: Member must satisfy enum value set: [EC2, FARGATE]",
  })
})

test('what is allowed passes', () => {
  assert.equal(refusal('CreateTargetGroup', { Name: 'a-1', Port: 65535, Protocol: 'UDP' }), undefined)
  assert.equal(refusal('DescribeTargetHealth', { TargetGroupArn: 'arn', Include: ['All'] }), undefined)
  assert.equal(refusal('CreateVpc', { CidrBlock: '10.0.0.0/16' }), undefined)
})
