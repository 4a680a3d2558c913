import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IpPermission } from '@aws-sdk/client-ec2'
import { Ec2Fixture } from './ec2.fixture.ts'
import {
  AuthorizeSecurityGroupEgress,
  AuthorizeSecurityGroupIngress,
  DescribeSecurityGroupRules,
  ModifySecurityGroupRules,
  RevokeSecurityGroupEgress,
  RevokeSecurityGroupIngress,
  UpdateSecurityGroupRuleDescriptionsIngress,
} from './security-group-rules.ts'
import { CreateSecurityGroup, DescribeSecurityGroups } from './security-groups.ts'
import { CreateVpc } from './vpcs.ts'

const http: IpPermission = { IpProtocol: 'tcp', FromPort: 80, ToPort: 80, IpRanges: [{ CidrIp: '10.0.0.0/8' }] }

function setUp(vpcCidr?: string) {
  const fixture = new Ec2Fixture()
  const vpc = vpcCidr ? { VpcId: fixture.run(CreateVpc, { CidrBlock: vpcCidr }).Vpc?.VpcId ?? '' } : {}
  const create = (name: string) =>
    fixture.run(CreateSecurityGroup, { GroupName: name, Description: name, ...vpc }).GroupId ?? assert.fail()
  const group = create('web')
  return {
    fixture,
    group,
    create,
    authorize: (...IpPermissions: IpPermission[]) =>
      fixture.run(AuthorizeSecurityGroupIngress, { GroupId: group, IpPermissions }).SecurityGroupRules ?? [],
    refused: (permission: IpPermission, code: string, text: string | RegExp) => {
      const before = fixture.state
      const input = { GroupId: group, IpPermissions: [http, permission] }
      fixture.refused(AuthorizeSecurityGroupIngress, input, code, text)
      assert.equal(fixture.state, before)
    },
    inbound: () =>
      fixture.run(DescribeSecurityGroups, { GroupIds: [group] }).SecurityGroups?.[0]?.IpPermissions ?? assert.fail(),
  }
}

test('one permission makes a rule for each peer, and shows as one permission again', () => {
  const { authorize, inbound, create } = setUp()
  const db = create('db')
  const rules = authorize({
    IpProtocol: 'tcp',
    FromPort: 80,
    ToPort: 81,
    IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'office' }, { CidrIp: '192.168.0.0/16' }],
    Ipv6Ranges: [{ CidrIpv6: 'fd00::/8' }],
    UserIdGroupPairs: [{ GroupId: db }],
  })
  assert.equal(rules.length, 4)
  assert.equal(new Set(rules.map(rule => rule.SecurityGroupRuleId)).size, 4)
  assert.deepEqual(inbound(), [
    {
      IpProtocol: 'tcp',
      FromPort: 80,
      ToPort: 81,
      IpRanges: [
        { CidrIp: '10.0.0.0/8', Description: 'office' },
        { CidrIp: '192.168.0.0/16', Description: undefined },
      ],
      Ipv6Ranges: [{ CidrIpv6: 'fd00::/8', Description: undefined }],
      UserIdGroupPairs: [{ GroupId: db, UserId: '000000000000', Description: undefined }],
      PrefixListIds: [],
    },
  ])
})

test('the parameters from before IpPermissions work, by name in the default VPC', () => {
  const { fixture, inbound } = setUp()
  const input = { GroupName: 'web', IpProtocol: 'udp', FromPort: 53, ToPort: 53, CidrIp: '0.0.0.0/0' }
  const { SecurityGroupRules } = fixture.run(AuthorizeSecurityGroupIngress, input)
  assert.equal(SecurityGroupRules?.[0]?.CidrIpv4, '0.0.0.0/0')
  assert.equal(inbound()[0]?.IpProtocol, 'udp')
})

test('a source group alone stands for full TCP, UDP and ICMP access', () => {
  const { fixture, create, inbound } = setUp()
  const client = create('client')
  fixture.run(AuthorizeSecurityGroupIngress, { GroupName: 'web', SourceSecurityGroupName: 'client' })
  const shown = inbound().map(p => [p.IpProtocol, p.FromPort, p.ToPort, p.UserIdGroupPairs?.[0]?.GroupId])
  assert.deepEqual(shown, [
    ['tcp', 0, 65_535, client],
    ['udp', 0, 65_535, client],
    ['icmp', -1, -1, client],
  ])
})

test('protocols and ports are kept as AWS keeps them', () => {
  const cases: [IpPermission, [string, number | undefined, number | undefined]][] = [
    [{ IpProtocol: '6', FromPort: 1, ToPort: 2 }, ['tcp', 1, 2]],
    [{ IpProtocol: 'UDP', FromPort: 0, ToPort: 65_535 }, ['udp', 0, 65_535]],
    [{ IpProtocol: '-1', FromPort: 80, ToPort: 80 }, ['-1', undefined, undefined]],
    [{ IpProtocol: 'all' }, ['-1', undefined, undefined]],
    [{ IpProtocol: '47', FromPort: 1, ToPort: 2 }, ['47', undefined, undefined]],
    [{ IpProtocol: 'icmp', FromPort: 8, ToPort: -1 }, ['icmp', 8, -1]],
    [{ IpProtocol: '58' }, ['icmpv6', -1, -1]],
  ]
  for (const [permission, expected] of cases) {
    const { authorize, inbound } = setUp()
    authorize({ ...permission, IpRanges: [{ CidrIp: '10.0.0.0/8' }] })
    const [shown] = inbound()
    assert.deepEqual([shown?.IpProtocol, shown?.FromPort, shown?.ToPort], expected)
  }
})

test('ranges are kept in canonical form', () => {
  const { authorize } = setUp()
  const [ipv4, ipv6] = authorize({
    ...http,
    IpRanges: [{ CidrIp: '100.68.0.18/18' }],
    Ipv6Ranges: [{ CidrIpv6: '2001:DB8:0:0::1/64' }],
  })
  assert.equal(ipv4?.CidrIpv4, '100.68.0.0/18')
  assert.equal(ipv6?.CidrIpv6, '2001:db8::/64')
})

test('a permission that makes no sense is refused, and nothing of the call is kept', () => {
  const { refused } = setUp()
  const anywhere = { IpRanges: [{ CidrIp: '0.0.0.0/0' }] }
  const ports = 'Must specify both from and to ports with TCP/UDP.'
  refused({ IpProtocol: 'tcp', ...anywhere }, 'InvalidParameterValue', ports)
  const range = 'Invalid TCP/UDP port range (90:80)'
  refused({ IpProtocol: 'tcp', FromPort: 90, ToPort: 80, ...anywhere }, 'InvalidParameterValue', range)
  refused({ IpProtocol: 'udp', FromPort: 1, ToPort: 65_536, ...anywhere }, 'InvalidParameterValue', /port range/)
  const protocol = "Invalid value 'tpc' for IP protocol. Unknown protocol."
  refused({ IpProtocol: 'tpc', ...anywhere }, 'InvalidParameterValue', protocol)
  refused({ IpProtocol: '256', ...anywhere }, 'InvalidParameterValue', /Unknown protocol/)
  refused(anywhere, 'InvalidParameterValue', /VPC security group rules must specify protocols explicitly/)
  refused({ IpProtocol: 'icmp', FromPort: -1, ToPort: 3, ...anywhere }, 'InvalidParameterValue', /ICMP code/)
  const cidr = 'CIDR block 10.0.0.0/33 is malformed'
  refused({ ...http, IpRanges: [{ CidrIp: '10.0.0.0/33' }] }, 'InvalidParameterValue', cidr)
  refused({ ...http, IpRanges: [{ CidrIp: 'fd00::/8' }] }, 'InvalidParameterValue', /malformed/)
  refused({ IpProtocol: '-1' }, 'MissingParameter', 'Source group ID missing.')
  const list = "The prefix list ID 'pl-1' does not exist"
  refused({ IpProtocol: '-1', PrefixListIds: [{ PrefixListId: 'pl-1' }] }, 'InvalidPrefixListID.NotFound', list)
  const described = { CidrIp: '0.0.0.0/0', Description: 'a<b' }
  refused({ IpProtocol: '-1', IpRanges: [described] }, 'InvalidParameterValue', /^Invalid rule description\./)
})

test('a rule names a group of its own VPC', () => {
  const { fixture, refused } = setUp('10.0.0.0/16')
  const elsewhere = fixture.run(CreateSecurityGroup, { GroupName: 'x', Description: 'x' }).GroupId ?? ''
  const networks = 'You have specified two resources that belong to different networks.'
  refused({ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: elsewhere }] }, 'InvalidGroup.NotFound', networks)
  const unknown = "The security group 'sg-00000000' does not exist"
  refused({ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: 'sg-00000000' }] }, 'InvalidGroup.NotFound', unknown)
})

test('a rule exists once, whatever its description', () => {
  const { authorize, refused } = setUp()
  authorize(http)
  const again = { ...http, IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'other' }] }
  refused(again, 'InvalidParameterValue', 'The same permission must not appear multiple times')
  const text = 'the specified rule "peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW" already exists'
  const { fixture, group } = setUp()
  fixture.run(AuthorizeSecurityGroupIngress, { GroupId: group, IpPermissions: [http] })
  const input = { GroupId: group, IpPermissions: [again] }
  fixture.refused(AuthorizeSecurityGroupIngress, input, 'InvalidPermission.Duplicate', text)
  const out = { GroupId: group, IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }] }
  const all = 'the specified rule "peer: 0.0.0.0/0, ALL, ALLOW" already exists'
  fixture.refused(AuthorizeSecurityGroupEgress, out, 'InvalidPermission.Duplicate', all)
})

test('a direction takes 60 rules for IPv4 and 60 for IPv6', () => {
  const { authorize, fixture, group } = setUp()
  const ipv4 = Array.from({ length: 60 }, (_, i) => ({ CidrIp: `10.${i}.0.0/16` }))
  const ipv6 = Array.from({ length: 60 }, (_, i) => ({ CidrIpv6: `fd00:${i}::/32` }))
  assert.equal(authorize({ ...http, IpRanges: ipv4, Ipv6Ranges: ipv6 }).length, 120)
  for (const more of [{ IpRanges: [{ CidrIp: '11.0.0.0/8' }] }, { Ipv6Ranges: [{ CidrIpv6: 'fe00::/8' }] }]) {
    const input = { GroupId: group, IpPermissions: [{ IpProtocol: '-1', ...more }] }
    const text = 'The maximum number of rules per security group has been reached.'
    fixture.refused(AuthorizeSecurityGroupIngress, input, 'RulesPerSecurityGroupLimitExceeded', text)
  }
  fixture.run(AuthorizeSecurityGroupEgress, { GroupId: group, IpPermissions: [http] })
})

test('a rule is revoked by what it says, its description aside, or by its id', () => {
  const { fixture, group, authorize, inbound } = setUp()
  const [, second] = authorize(http, { ...http, FromPort: 443, ToPort: 443 })
  const same = { ...http, IpRanges: [{ CidrIp: '10.1.2.3/8', Description: 'any' }] }
  const output = fixture.run(RevokeSecurityGroupIngress, { GroupId: group, IpPermissions: [same] })
  assert.equal(output.RevokedSecurityGroupRules?.[0]?.FromPort, 80)
  assert.equal(inbound().length, 1)
  const ids = [second?.SecurityGroupRuleId ?? '']
  fixture.refused(
    RevokeSecurityGroupEgress,
    { GroupId: group, SecurityGroupRuleIds: ids },
    'InvalidSecurityGroupRuleId.NotFound',
    /does not exist/,
  )
  fixture.run(RevokeSecurityGroupIngress, { GroupId: group, SecurityGroupRuleIds: ids })
  assert.deepEqual(inbound(), [])
  const text = `The security group rule ID '${ids[0]}' does not exist`
  const again = { GroupId: group, SecurityGroupRuleIds: ids }
  fixture.refused(RevokeSecurityGroupIngress, again, 'InvalidSecurityGroupRuleId.NotFound', text)
})

test('in the default VPC, revoking what is not there is reported back and the rest is revoked', () => {
  const { fixture, group, authorize, inbound } = setUp()
  authorize(http)
  const unknown = { ...http, FromPort: 81, ToPort: 81 }
  const output = fixture.run(RevokeSecurityGroupIngress, { GroupId: group, IpPermissions: [http, unknown] })
  assert.deepEqual(
    output.UnknownIpPermissions?.map(permission => permission.FromPort),
    [81],
  )
  assert.deepEqual(inbound(), [])
})

test('in another VPC, revoking what is not there is an error and nothing is revoked', () => {
  const { fixture, group, authorize, inbound } = setUp('10.0.0.0/16')
  authorize(http)
  const input = { GroupId: group, IpPermissions: [http, { ...http, FromPort: 81, ToPort: 81 }] }
  const text = 'The specified rule does not exist in this security group'
  fixture.refused(RevokeSecurityGroupIngress, input, 'InvalidPermission.NotFound', text)
  assert.equal(inbound().length, 1)
})

test('each rule is described by itself, without ports as -1', () => {
  const { fixture, group } = setUp()
  const { SecurityGroupRules } = fixture.run(DescribeSecurityGroupRules, {
    Filters: [{ Name: 'group-id', Values: [group] }],
  })
  const shown = SecurityGroupRules?.map(r => [r.IsEgress, r.IpProtocol, r.FromPort, r.ToPort, r.CidrIpv4 ?? r.CidrIpv6])
  assert.deepEqual(shown, [
    [true, '-1', -1, -1, '0.0.0.0/0'],
    [true, '-1', -1, -1, '::/0'],
  ])
})

test('rules are found by id and by tag', () => {
  const { fixture, group } = setUp()
  const { SecurityGroupRules } = fixture.run(AuthorizeSecurityGroupIngress, {
    GroupId: group,
    IpPermissions: [http],
    TagSpecifications: [{ ResourceType: 'security-group-rule', Tags: [{ Key: 'team', Value: 'blue' }] }],
  })
  const id = SecurityGroupRules?.[0]?.SecurityGroupRuleId ?? ''
  for (const input of [{ SecurityGroupRuleIds: [id] }, { Filters: [{ Name: 'tag:team', Values: ['blue'] }] }]) {
    const found = fixture.run(DescribeSecurityGroupRules, input).SecurityGroupRules
    assert.deepEqual(
      found?.map(rule => rule.SecurityGroupRuleId),
      [id],
    )
  }
  const text = "The security group rule ID 'sgr-00000000' does not exist"
  const unknown = { SecurityGroupRuleIds: ['sgr-00000000'] }
  fixture.refused(DescribeSecurityGroupRules, unknown, 'InvalidSecurityGroupRuleId.NotFound', text)
})

test('a rule is modified in place and keeps its id and the kind of its peer', () => {
  const { fixture, group, authorize, inbound } = setUp()
  const id = authorize(http)[0]?.SecurityGroupRuleId ?? ''
  const modify = (rule: object) => ({
    GroupId: group,
    SecurityGroupRules: [
      { SecurityGroupRuleId: id, SecurityGroupRule: { IpProtocol: 'tcp', FromPort: 90, ToPort: 90, ...rule } },
    ],
  })
  fixture.run(ModifySecurityGroupRules, modify({ CidrIpv4: '10.9.0.1/16', Description: 'moved' }))
  assert.deepEqual(inbound()[0]?.IpRanges, [{ CidrIp: '10.9.0.0/16', Description: 'moved' }])
  const [rule] = fixture.run(DescribeSecurityGroupRules, { SecurityGroupRuleIds: [id] }).SecurityGroupRules ?? []
  assert.equal(rule?.FromPort, 90)
  fixture.refused(ModifySecurityGroupRules, modify({ CidrIpv6: '::/0' }), 'InvalidParameterValue', /cannot be changed/)
  fixture.refused(ModifySecurityGroupRules, modify({}), 'InvalidParameterValue', /exactly one/)
  authorize(http)
  const same = modify({ FromPort: 80, ToPort: 80, CidrIpv4: '10.0.0.0/8' })
  fixture.refused(ModifySecurityGroupRules, same, 'InvalidPermission.Duplicate', /already exists/)
})

test("a rule's description can be changed and taken away", () => {
  const { fixture, group, authorize, inbound } = setUp()
  const id = authorize(http)[0]?.SecurityGroupRuleId ?? ''
  const described = { ...http, IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'office' }] }
  fixture.run(UpdateSecurityGroupRuleDescriptionsIngress, { GroupId: group, IpPermissions: [described] })
  assert.equal(inbound()[0]?.IpRanges?.[0]?.Description, 'office')
  const away = { GroupId: group, SecurityGroupRuleDescriptions: [{ SecurityGroupRuleId: id }] }
  fixture.run(UpdateSecurityGroupRuleDescriptionsIngress, away)
  assert.equal(inbound()[0]?.IpRanges?.[0]?.Description, undefined)
  const unknown = { GroupId: group, IpPermissions: [{ ...http, FromPort: 1, ToPort: 1 }] }
  fixture.refused(UpdateSecurityGroupRuleDescriptionsIngress, unknown, 'InvalidPermission.NotFound', /does not exist/)
})
