import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ec2Fixture, loadBalancerIn } from './ec2.fixture.ts'
import { TerminateInstances } from './instances.ts'
import { RunInstances } from './run-instances.ts'
import { AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress } from './security-group-rules.ts'
import { CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups } from './security-groups.ts'
import { CreateVpc } from './vpcs.ts'

function groupIn(fixture: Ec2Fixture, GroupName: string, VpcId?: string): string {
  const input = { GroupName, Description: 'for a test', ...(VpcId && { VpcId }) }
  return fixture.run(CreateSecurityGroup, input).GroupId ?? assert.fail()
}

function described(fixture: Ec2Fixture, id: string) {
  return fixture.run(DescribeSecurityGroups, { GroupIds: [id] }).SecurityGroups?.[0] ?? assert.fail()
}

test('a new group is in the default VPC, admits nothing in and everything out', () => {
  const fixture = new Ec2Fixture()
  const group = described(fixture, groupIn(fixture, 'web'))
  assert.equal(group.VpcId, fixture.defaultVpcId)
  assert.deepEqual(group.IpPermissions, [])
  const [all, ...others] = group.IpPermissionsEgress ?? []
  assert.equal(others.length, 0)
  assert.equal(all?.IpProtocol, '-1')
  assert.equal(all.FromPort, undefined)
  assert.deepEqual([all.IpRanges?.[0]?.CidrIp, all.Ipv6Ranges?.[0]?.CidrIpv6], ['0.0.0.0/0', '::/0'])
})

test('without IPv6 in its VPC a new group has no IPv6 rule', () => {
  const fixture = new Ec2Fixture()
  const vpcId = fixture.run(CreateVpc, { CidrBlock: '10.0.0.0/16' }).Vpc?.VpcId ?? ''
  const [all] = described(fixture, groupIn(fixture, 'web', vpcId)).IpPermissionsEgress ?? []
  assert.deepEqual(all?.Ipv6Ranges, [])
})

test('a group answers with its ARN and tags', () => {
  const fixture = new Ec2Fixture()
  const output = fixture.run(CreateSecurityGroup, {
    GroupName: 'web',
    Description: 'web servers',
    TagSpecifications: [{ ResourceType: 'security-group', Tags: [{ Key: 'team', Value: 'blue' }] }],
  })
  assert.equal(output.SecurityGroupArn, `arn:aws:ec2:us-east-1:000000000000:security-group/${output.GroupId}`)
  assert.deepEqual(output.Tags, [{ Key: 'team', Value: 'blue' }])
})

test('names are unique in a VPC, not beyond it', () => {
  const fixture = new Ec2Fixture()
  groupIn(fixture, 'web')
  const text = `The security group 'web' already exists for VPC '${fixture.defaultVpcId}'`
  fixture.refused(CreateSecurityGroup, { GroupName: 'web', Description: 'x' }, 'InvalidGroup.Duplicate', text)
  groupIn(fixture, 'web', fixture.run(CreateVpc, { CidrBlock: '10.0.0.0/16' }).Vpc?.VpcId)
})

test('names and descriptions that AWS does not take are refused', () => {
  const fixture = new Ec2Fixture()
  const cases: [string, string, RegExp][] = [
    [
      'sg-web',
      'x',
      /^Value \(sg-web\) for parameter GroupName is invalid\. Group names may not be in the format sg-\*\.$/,
    ],
    ['default', 'x', /^Cannot use reserved security group name: default$/],
    ['caf\u00e9', 'x', /Character sets beyond ASCII are not supported\.$/],
    ['web', 'a < b', /^Value \(a < b\) for parameter GroupDescription is invalid\./],
  ]
  for (const [GroupName, Description, text] of cases) {
    fixture.refused(CreateSecurityGroup, { GroupName, Description }, 'InvalidParameterValue', text)
  }
})

test('a Region has 2,500 groups at most', () => {
  const fixture = new Ec2Fixture()
  const [first] = fixture.state.securityGroups.values()
  assert(first !== undefined)
  for (let i = 1; i < 2500; i++)
    fixture.put('securityGroups', `sg-${i}`, { ...first, id: `sg-${i}`, name: `name ${i}` })
  const input = { GroupName: 'one too many', Description: 'x' }
  fixture.refused(CreateSecurityGroup, input, 'SecurityGroupLimitExceeded', /maximum number of security groups/)
})

test('groups are found by id and, in the default VPC, by name', () => {
  const fixture = new Ec2Fixture()
  const id = groupIn(fixture, 'web')
  const byName = fixture.run(DescribeSecurityGroups, { GroupNames: ['web'] }).SecurityGroups
  assert.deepEqual(
    byName?.map(group => group.GroupId),
    [id],
  )
  const unknown = 'sg-0123456789abcdef0'
  const text = `The security group '${unknown}' does not exist`
  fixture.refused(DescribeSecurityGroups, { GroupIds: [unknown] }, 'InvalidGroup.NotFound', text)
  const malformed = "The security group ID 'web' is malformed"
  fixture.refused(DescribeSecurityGroups, { GroupIds: ['web'] }, 'InvalidGroupId.Malformed', malformed)
  const noName = `The security group 'db' does not exist in default VPC '${fixture.defaultVpcId}'`
  fixture.refused(DescribeSecurityGroups, { GroupNames: ['db'] }, 'InvalidGroup.NotFound', noName)
})

test('groups are found by what their rules say', () => {
  const fixture = new Ec2Fixture()
  const db = groupIn(fixture, 'db')
  const web = groupIn(fixture, 'web')
  fixture.run(AuthorizeSecurityGroupIngress, {
    GroupId: web,
    IpPermissions: [
      {
        IpProtocol: 'tcp',
        FromPort: 80,
        ToPort: 88,
        IpRanges: [{ CidrIp: '10.0.0.0/8' }],
        Ipv6Ranges: [{ CidrIpv6: 'fd00::/8' }],
        UserIdGroupPairs: [{ GroupId: db }],
      },
    ],
  })
  for (const [name, value] of [
    ['ip-permission.cidr', '10.*'],
    ['ip-permission.ipv6-cidr', 'fd00::/8'],
    ['ip-permission.from-port', '80'],
    ['ip-permission.to-port', '88'],
    ['ip-permission.protocol', 'tcp'],
    ['ip-permission.group-id', db],
    ['ip-permission.group-name', 'db'],
    ['group-name', 'w?b'],
    ['group-id', web],
  ] as const) {
    const { SecurityGroups } = fixture.run(DescribeSecurityGroups, { Filters: [{ Name: name, Values: [value] }] })
    assert.deepEqual(
      SecurityGroups?.map(group => group.GroupId),
      [web],
      name,
    )
  }
  const out = fixture.run(DescribeSecurityGroups, {
    Filters: [{ Name: 'egress.ip-permission.cidr', Values: ['0.0.0.0/0'] }],
  })
  assert.equal(out.SecurityGroups?.length, 3)
})

test('a group that a load balancer, an instance or a rule of another group names stays', () => {
  const fixture = new Ec2Fixture()
  const [balancer, host, named] = ['balancer', 'host', 'named'].map(name => groupIn(fixture, name))
  assert(balancer && host && named)
  loadBalancerIn(fixture, [balancer])
  const { Instances } = fixture.run(RunInstances, { MinCount: 1, MaxCount: 1, SecurityGroupIds: [host] })
  const rule = { IpProtocol: 'tcp', FromPort: 1, ToPort: 1, UserIdGroupPairs: [{ GroupId: named }] }
  fixture.run(AuthorizeSecurityGroupIngress, { GroupId: host, IpPermissions: [rule] })
  for (const GroupId of [balancer, host, named]) {
    fixture.refused(
      DeleteSecurityGroup,
      { GroupId },
      'DependencyViolation',
      `resource ${GroupId} has a dependent object`,
    )
  }
  fixture.run(TerminateInstances, { InstanceIds: [Instances?.[0]?.InstanceId ?? ''] })
  fixture.run(RevokeSecurityGroupIngress, { GroupId: host, IpPermissions: [rule] })
  for (const GroupId of [named, host]) assert.equal(fixture.run(DeleteSecurityGroup, { GroupId }).GroupId, GroupId)
})

test('a group that names only itself can be deleted, by its name too', () => {
  const fixture = new Ec2Fixture()
  const id = groupIn(fixture, 'web')
  fixture.run(AuthorizeSecurityGroupIngress, { GroupId: id, SourceSecurityGroupName: 'web' })
  fixture.run(DeleteSecurityGroup, { GroupName: 'web' })
  assert.equal(fixture.state.securityGroups.has(id), false)
})

test('a default group stays', () => {
  const fixture = new Ec2Fixture()
  const id = fixture.state.securityGroups.keys().next().value ?? ''
  const text = `the specified group: "${id}" name: "default" cannot be deleted by a user`
  fixture.refused(DeleteSecurityGroup, { GroupId: id }, 'CannotDelete', text)
  fixture.refused(DeleteSecurityGroup, {}, 'MissingParameter', /groupName or groupId/)
})
