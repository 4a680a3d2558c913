import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ec2Fixture } from './ec2.fixture.ts'
import { DescribeSecurityGroupRules } from './security-group-rules.ts'
import { CreateTags, DeleteTags, DescribeTags } from './tags.ts'
import { CreateVpc } from './vpcs.ts'

const tag = (Key: string, Value = 'x') => ({ Key, Value })

function tagged(fixture: Ec2Fixture, id: string): string[] {
  const { Tags } = fixture.run(DescribeTags, { Filters: [{ Name: 'resource-id', Values: [id] }] })
  return (Tags ?? []).map(({ ResourceType, Key, Value }) => `${ResourceType} ${Key}=${Value}`)
}

test('tags are given to several resources at once and replaced by key', () => {
  const fixture = new Ec2Fixture()
  const Resources = [fixture.defaultVpcId, fixture.subnetId('local-1a')]
  fixture.run(CreateTags, { Resources, Tags: [tag('team', 'blue'), tag('Name', 'a')] })
  fixture.run(CreateTags, { Resources, Tags: [tag('team', 'green')] })
  assert.deepEqual(tagged(fixture, fixture.defaultVpcId), ['vpc Name=a', 'vpc team=green'])
  assert.deepEqual(tagged(fixture, fixture.subnetId('local-1a')), ['subnet Name=a', 'subnet team=green'])
})

test('the rule of a security group carries tags of its own', () => {
  const fixture = new Ec2Fixture()
  const [rule] = fixture.run(DescribeSecurityGroupRules, {}).SecurityGroupRules ?? []
  const id = rule?.SecurityGroupRuleId ?? ''
  fixture.run(CreateTags, { Resources: [id], Tags: [tag('why')] })
  assert.deepEqual(tagged(fixture, id), ['security-group-rule why=x'])
})

test('tags go by key, by key and value, or all', () => {
  const fixture = new Ec2Fixture()
  const Resources = [fixture.defaultVpcId]
  fixture.run(CreateTags, { Resources, Tags: [tag('a', '1'), tag('b', '2'), tag('c', '3')] })
  fixture.run(DeleteTags, { Resources, Tags: [{ Key: 'a' }, tag('b', 'other')] })
  assert.deepEqual(tagged(fixture, fixture.defaultVpcId), ['vpc b=2', 'vpc c=3'])
  fixture.run(DeleteTags, { Resources })
  assert.deepEqual(tagged(fixture, fixture.defaultVpcId), [])
})

test('tags are found by key, value and type of resource', () => {
  const fixture = new Ec2Fixture()
  fixture.run(CreateTags, { Resources: [fixture.defaultVpcId], Tags: [tag('team', 'blue'), tag('Name', 'blue')] })
  fixture.run(CreateTags, { Resources: [fixture.subnetId('local-1a')], Tags: [tag('team', 'green')] })
  const count = (Name: string, value: string) =>
    fixture.run(DescribeTags, { Filters: [{ Name, Values: [value] }] }).Tags?.length
  assert.deepEqual(
    [count('key', 'team'), count('value', 'blue'), count('resource-type', 'subnet'), count('tag:team', 'blue')],
    [2, 2, 1, 1],
  )
})

test('tags that AWS does not take are refused, and no resource of the call gets any', () => {
  const fixture = new Ec2Fixture()
  const refused = (Tags: object[], code: string, text: RegExp) => {
    const Resources = [fixture.defaultVpcId]
    fixture.refused(CreateTags, { Resources, Tags }, code, text)
  }
  refused([tag('aws:x')], 'InvalidParameterValue', /reserved for internal use/)
  refused([tag('a'), tag('a')], 'InvalidParameterValue', /^Duplicate tag key 'a' specified\.$/)
  refused(
    Array.from({ length: 51 }, (_, i) => tag(`key ${i}`)),
    'TagLimitExceeded',
    /50/,
  )
  const Resources = [fixture.defaultVpcId, 'vpc-0123456789abcdef0']
  const text = "The vpc ID 'vpc-0123456789abcdef0' does not exist"
  fixture.refused(CreateTags, { Resources, Tags: [tag('a')] }, 'InvalidVpcID.NotFound', text)
  assert.deepEqual(tagged(fixture, fixture.defaultVpcId), [])
  const invalid = { Resources: ['thing-1'], Tags: [tag('a')] }
  fixture.refused(CreateTags, invalid, 'InvalidID', "The ID 'thing-1' is not valid")
})

test('a new resource takes tags of its own type only', () => {
  const fixture = new Ec2Fixture()
  const input = { CidrBlock: '10.0.0.0/16', TagSpecifications: [{ ResourceType: 'subnet' as const, Tags: [tag('a')] }] }
  const text = "'subnet' is not a valid taggable resource type for this operation."
  fixture.refused(CreateVpc, input, 'InvalidParameterValue', text)
})
