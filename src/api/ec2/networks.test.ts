import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VpcAttributeName } from '@aws-sdk/client-ec2'
import { defaultNetwork } from '../../domain/default-network.ts'
import { DescribeAvailabilityZones } from './availability-zones.ts'
import { Ec2Fixture, loadBalancerIn } from './ec2.fixture.ts'
import { TerminateInstances } from './instances.ts'
import { DescribeNetworkInterfaces } from './network-interfaces.ts'
import { RunInstances } from './run-instances.ts'
import { CreateSecurityGroup, DescribeSecurityGroups } from './security-groups.ts'
import { CreateSubnet, DeleteSubnet, DescribeSubnets } from './subnets.ts'
import { CreateVpc, DeleteVpc, DescribeVpcAttribute, DescribeVpcs } from './vpcs.ts'

function vpcIn(fixture: Ec2Fixture, cidrBlock = '10.0.0.0/16', more = {}): string {
  return fixture.run(CreateVpc, { CidrBlock: cidrBlock, ...more }).Vpc?.VpcId ?? assert.fail()
}

function subnetIn(fixture: Ec2Fixture, vpcId: string, cidrBlock: string, more = {}): string {
  const { Subnet } = fixture.run(CreateSubnet, { VpcId: vpcId, CidrBlock: cidrBlock, ...more })
  return Subnet?.SubnetId ?? assert.fail()
}

test('the default VPC has one default subnet in each of two zones', () => {
  const fixture = new Ec2Fixture()
  const [vpc] = fixture.run(DescribeVpcs, { Filters: [{ Name: 'is-default', Values: ['true'] }] }).Vpcs ?? []
  assert.equal(vpc?.CidrBlock, '127.0.0.0/8')
  assert.equal(vpc.State, 'available')
  const { Subnets } = fixture.run(DescribeSubnets, { Filters: [{ Name: 'default-for-az', Values: ['true'] }] })
  const zones = (Subnets ?? []).map(subnet => [subnet.AvailabilityZone, subnet.CidrBlock, subnet.AvailabilityZoneId])
  assert.deepEqual(zones.sort(), [
    ['local-1a', '127.0.0.0/9', 'loc1-az1'],
    ['local-1b', '127.128.0.0/9', 'loc1-az2'],
  ])
})

test('a VPC resolves names; hosts of the default one have public names', () => {
  const fixture = new Ec2Fixture()
  const other = vpcIn(fixture)
  const attribute = (VpcId: string, Attribute: VpcAttributeName) =>
    fixture.run(DescribeVpcAttribute, { VpcId, Attribute })
  for (const [VpcId, Value] of [
    [fixture.defaultVpcId, true],
    [other, false],
  ] as const) {
    assert.deepEqual(attribute(VpcId, 'enableDnsSupport'), { VpcId, EnableDnsSupport: { Value: true } })
    assert.deepEqual(attribute(VpcId, 'enableDnsHostnames'), { VpcId, EnableDnsHostnames: { Value } })
    const metrics = attribute(VpcId, 'enableNetworkAddressUsageMetrics')
    assert.deepEqual(metrics, { VpcId, EnableNetworkAddressUsageMetrics: { Value: false } })
  }
  fixture.refused(
    DescribeVpcAttribute,
    { VpcId: other, Attribute: 'cheese' as VpcAttributeName },
    'InvalidParameterValue',
    'Value (cheese) for parameter attribute is invalid. Unknown attribute.',
  )
})

test('the default network has the same ids after a reset and others in another region', () => {
  const ids = (region: string) => defaultNetwork('000000000000', region, true).map(change => change.key)
  assert.deepEqual(ids('us-east-1'), ids('us-east-1'))
  assert.equal(new Set([...ids('us-east-1'), ...ids('eu-west-1')]).size, 8)
  for (const id of ids('us-east-1')) assert.match(id, /^(vpc|subnet|sg)-[0-9a-f]{17}$/)
  assert.equal(defaultNetwork('000000000000', 'us-east-1', false).length, 3)
})

test('a new VPC keeps its canonical block and comes with a default security group', () => {
  const fixture = new Ec2Fixture()
  const vpcId = vpcIn(fixture, '10.1.2.3/16')
  const [vpc] = fixture.run(DescribeVpcs, { VpcIds: [vpcId] }).Vpcs ?? []
  assert.equal(vpc?.CidrBlock, '10.1.0.0/16')
  assert.equal(vpc.IsDefault, false)
  const { SecurityGroups } = fixture.run(DescribeSecurityGroups, { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] })
  const [group, ...others] = SecurityGroups ?? []
  assert.equal(others.length, 0)
  assert.equal(group?.GroupName, 'default')
  assert.deepEqual(group.IpPermissions?.[0]?.UserIdGroupPairs?.[0]?.GroupId, group.GroupId)
  assert.equal(group.IpPermissionsEgress?.[0]?.IpRanges?.[0]?.CidrIp, '0.0.0.0/0')
})

test('a VPC of a size that AWS does not have, or of no range at all, is refused', () => {
  const fixture = new Ec2Fixture()
  fixture.refused(CreateVpc, { CidrBlock: '10.0.0.0/15' }, 'InvalidVpc.Range', "The CIDR '10.0.0.0/15' is invalid.")
  fixture.refused(CreateVpc, { CidrBlock: '10.0.0.0/29' }, 'InvalidVpc.Range', "The CIDR '10.0.0.0/29' is invalid.")
  const text = 'Value (10.0.0/16) for parameter cidrBlock is invalid. This is not a valid CIDR block.'
  fixture.refused(CreateVpc, { CidrBlock: '10.0.0/16' }, 'InvalidParameterValue', text)
  fixture.refused(CreateVpc, {}, 'MissingParameter', /cidrBlock/)
})

test('a VPC may have an IPv6 block, its own or an assigned one, and subnets of it', () => {
  const fixture = new Ec2Fixture()
  const own = vpcIn(fixture, '10.0.0.0/16', { Ipv6CidrBlock: 'FD00:1:2:0::/56' })
  const assigned = vpcIn(fixture, '10.0.0.0/16', { AmazonProvidedIpv6CidrBlock: true })
  const blocks = [own, assigned].map(id => fixture.state.vpcs.get(id)?.ipv6CidrBlock)
  assert.equal(blocks[0], 'fd00:1:2::/56')
  assert.match(blocks[1] ?? '', /^fd[0-9a-f:]+\/56$/)
  subnetIn(fixture, own, '10.0.1.0/24', { Ipv6CidrBlock: 'fd00:1:2:7::/64' })
  const overlapping = { VpcId: own, CidrBlock: '10.0.2.0/24', Ipv6CidrBlock: 'fd00:1:2:7::/64' }
  fixture.refused(CreateSubnet, overlapping, 'InvalidSubnet.Conflict', /fd00:1:2:7::\/64/)
  const outside = { VpcId: own, CidrBlock: '10.0.2.0/24', Ipv6CidrBlock: 'fd00:1:3::/64' }
  fixture.refused(CreateSubnet, outside, 'InvalidSubnet.Range', "The CIDR 'fd00:1:3::/64' is invalid.")
})

test('a subnet lies inside its VPC and overlaps no other', () => {
  const fixture = new Ec2Fixture()
  const VpcId = vpcIn(fixture)
  subnetIn(fixture, VpcId, '10.0.1.0/24')
  const conflict = "The CIDR '10.0.1.128/25' conflicts with another subnet"
  fixture.refused(CreateSubnet, { VpcId, CidrBlock: '10.0.1.128/25' }, 'InvalidSubnet.Conflict', conflict)
  const range = "The CIDR '10.1.0.0/24' is invalid."
  fixture.refused(CreateSubnet, { VpcId, CidrBlock: '10.1.0.0/24' }, 'InvalidSubnet.Range', range)
  const unknown = { VpcId: 'vpc-0123456789abcdef0', CidrBlock: '10.0.0.0/24' }
  const text = "The vpc ID 'vpc-0123456789abcdef0' does not exist"
  fixture.refused(CreateSubnet, unknown, 'InvalidVpcID.NotFound', text)
})

test('subnets of different VPCs may overlap', () => {
  const fixture = new Ec2Fixture()
  subnetIn(fixture, vpcIn(fixture), '10.0.1.0/24')
  subnetIn(fixture, vpcIn(fixture), '10.0.1.0/24')
})

test("a subnet may be in this host's zones and in those that designs for the region name", () => {
  const fixture = new Ec2Fixture()
  const vpcId = vpcIn(fixture)
  const ids = [
    subnetIn(fixture, vpcId, '10.0.1.0/24', { AvailabilityZone: 'us-east-1b' }),
    subnetIn(fixture, vpcId, '10.0.2.0/24', { AvailabilityZoneId: 'use1-az3' }),
    subnetIn(fixture, vpcId, '10.0.3.0/24'),
  ]
  const zones = ids.map(id => fixture.state.subnets.get(id)?.zoneName)
  assert.deepEqual(zones, ['us-east-1b', 'us-east-1c', 'local-1a'])
  const elsewhere = { VpcId: vpcId, CidrBlock: '10.0.4.0/24', AvailabilityZone: 'eu-west-1a' }
  const text =
    'Value (eu-west-1a) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: local-1a, local-1b, us-east-1a, us-east-1b, us-east-1c.'
  fixture.refused(CreateSubnet, elsewhere, 'InvalidParameterValue', text)
})

test('a subnet counts the addresses that are left: five are kept back, instances and load balancers have theirs', () => {
  const fixture = new Ec2Fixture()
  const SubnetId = subnetIn(fixture, vpcIn(fixture), '10.0.1.0/28')
  const count = (id: string) => fixture.run(DescribeSubnets, { SubnetIds: [id] }).Subnets?.[0]?.AvailableIpAddressCount
  assert.equal(count(SubnetId), 11)
  fixture.run(RunInstances, { SubnetId, MinCount: 2, MaxCount: 2 })
  assert.equal(count(SubnetId), 9)
  const shared = count(fixture.subnetId('local-1a'))
  loadBalancerIn(fixture, [])
  assert.equal(count(fixture.subnetId('local-1a')), Number(shared) - 1)
})

test('subnets are found by zone, VPC, block and tag', () => {
  const fixture = new Ec2Fixture()
  const vpcId = vpcIn(fixture)
  const tags = [{ ResourceType: 'subnet' as const, Tags: [{ Key: 'tier', Value: 'public' }] }]
  const id = subnetIn(fixture, vpcId, '10.0.1.0/24', { AvailabilityZone: 'us-east-1a', TagSpecifications: tags })
  subnetIn(fixture, vpcId, '10.0.2.0/24', { AvailabilityZone: 'us-east-1b' })
  for (const [Name, value] of [
    ['availability-zone', 'us-east-1a'],
    ['cidr-block', '10.0.1.0/24'],
    ['tag:tier', 'pub*'],
    ['subnet-id', id],
  ] as const) {
    const Filters = [
      { Name, Values: [value] },
      { Name: 'vpc-id', Values: [vpcId] },
    ]
    const { Subnets } = fixture.run(DescribeSubnets, { Filters })
    assert.deepEqual(
      Subnets?.map(subnet => subnet.SubnetId),
      [id],
      Name,
    )
  }
})

test('a subnet with an instance or a load balancer in it stays', () => {
  const fixture = new Ec2Fixture()
  const SubnetId = subnetIn(fixture, vpcIn(fixture), '10.0.1.0/24')
  const { Instances } = fixture.run(RunInstances, { SubnetId, MinCount: 1, MaxCount: 1 })
  const text = `The subnet '${SubnetId}' has dependencies and cannot be deleted.`
  fixture.refused(DeleteSubnet, { SubnetId }, 'DependencyViolation', text)
  fixture.run(TerminateInstances, { InstanceIds: [Instances?.[0]?.InstanceId ?? ''] })
  fixture.run(DeleteSubnet, { SubnetId })
  fixture.refused(DeleteSubnet, { SubnetId }, 'InvalidSubnetID.NotFound', `The subnet ID '${SubnetId}' does not exist`)
  loadBalancerIn(fixture, [])
  fixture.refused(DeleteSubnet, { SubnetId: fixture.subnetId('local-1a') }, 'DependencyViolation', /has dependencies/)
})

test('a VPC goes with its default security group once nothing else is in it', () => {
  const fixture = new Ec2Fixture()
  const groups = fixture.state.securityGroups.size
  const VpcId = vpcIn(fixture)
  const SubnetId = subnetIn(fixture, VpcId, '10.0.1.0/24')
  const text = `The vpc '${VpcId}' has dependencies and cannot be deleted.`
  fixture.refused(DeleteVpc, { VpcId }, 'DependencyViolation', text)
  fixture.run(DeleteSubnet, { SubnetId })
  fixture.run(DeleteVpc, { VpcId })
  assert.equal(fixture.state.vpcs.has(VpcId), false)
  assert.equal(fixture.state.securityGroups.size, groups)
})

test('a VPC with a security group of its own stays', () => {
  const fixture = new Ec2Fixture()
  const VpcId = vpcIn(fixture)
  fixture.run(CreateSecurityGroup, { VpcId, GroupName: 'web', Description: 'web' })
  fixture.refused(DeleteVpc, { VpcId }, 'DependencyViolation', /has dependencies/)
})

test('ids that cannot be ids are malformed, others are not found', () => {
  const fixture = new Ec2Fixture()
  const text = 'Invalid id: "sub-1" (expecting "subnet-...")'
  fixture.refused(DescribeSubnets, { SubnetIds: ['sub-1'] }, 'InvalidSubnetID.Malformed', text)
  fixture.refused(DescribeVpcs, { VpcIds: ['vpc-xyz'] }, 'InvalidVpcID.Malformed', /expecting "vpc-..."/)
  const unknown = { NetworkInterfaceIds: ['eni-0123456789abcdef0'] }
  const notFound = "The networkInterface ID 'eni-0123456789abcdef0' does not exist"
  fixture.refused(DescribeNetworkInterfaces, unknown, 'InvalidNetworkInterfaceID.NotFound', notFound)
})

test('zones are described with their ids, by name or by filter', () => {
  const fixture = new Ec2Fixture()
  const all = fixture.run(DescribeAvailabilityZones, {}).AvailabilityZones ?? []
  assert.deepEqual(
    all.map(zone => `${zone.ZoneName} ${zone.ZoneId}`),
    ['local-1a loc1-az1', 'local-1b loc1-az2', 'us-east-1a use1-az1', 'us-east-1b use1-az2', 'us-east-1c use1-az3'],
  )
  const named = fixture.run(DescribeAvailabilityZones, { ZoneNames: ['us-east-1b'] }).AvailabilityZones
  assert.deepEqual(
    named?.map(zone => zone.ZoneId),
    ['use1-az2'],
  )
  const Filters = [{ Name: 'zone-id', Values: ['loc1-*'] }]
  assert.equal(fixture.run(DescribeAvailabilityZones, { Filters }).AvailabilityZones?.length, 2)
  const text = 'Invalid availability zone: [us-east-1z]'
  fixture.refused(DescribeAvailabilityZones, { ZoneNames: ['us-east-1z'] }, 'InvalidParameterValue', text)
})

test('each zone of a load balancer shows as a network interface that its owner cannot manage', () => {
  const fixture = new Ec2Fixture()
  const groupId = fixture.state.securityGroups.keys().next().value ?? ''
  loadBalancerIn(fixture, [groupId])
  const Filters = [{ Name: 'description', Values: ['ELB net/hello/0123456789abcdef'] }]
  const describe = () => fixture.run(DescribeNetworkInterfaces, { Filters }).NetworkInterfaces ?? []
  const [found, ...others] = describe()
  assert.equal(others.length, 0)
  assert.equal(found?.InterfaceType, 'network_load_balancer')
  assert.equal(found.RequesterManaged, true)
  assert.equal(found.PrivateIpAddress, '127.0.0.1')
  assert.equal(found.SubnetId, fixture.subnetId('local-1a'))
  assert.deepEqual(found.Groups, [{ GroupId: groupId, GroupName: 'default' }])
  assert.deepEqual(describe()[0], found)
})

test("an instance's network interface is the same in both answers and goes with it", () => {
  const fixture = new Ec2Fixture()
  const { Instances } = fixture.run(RunInstances, { MinCount: 1, MaxCount: 1 })
  const [instance] = Instances ?? []
  const Filters = [{ Name: 'attachment.instance-id', Values: [instance?.InstanceId ?? ''] }]
  const [found] = fixture.run(DescribeNetworkInterfaces, { Filters }).NetworkInterfaces ?? []
  assert.equal(found?.NetworkInterfaceId, instance?.NetworkInterfaces?.[0]?.NetworkInterfaceId)
  assert.equal(found?.PrivateIpAddress, instance?.PrivateIpAddress)
  fixture.run(TerminateInstances, { InstanceIds: [instance?.InstanceId ?? ''] })
  assert.deepEqual(fixture.run(DescribeNetworkInterfaces, { Filters }).NetworkInterfaces, [])
})
