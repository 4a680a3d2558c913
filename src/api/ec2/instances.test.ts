import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ec2Fixture, loadBalancerIn } from './ec2.fixture.ts'
import {
  DescribeInstanceStatus,
  DescribeInstances,
  StartInstances,
  StopInstances,
  TerminateInstances,
} from './instances.ts'
import { RunInstances } from './run-instances.ts'
import { CreateSecurityGroup } from './security-groups.ts'
import { CreateSubnet } from './subnets.ts'
import { CreateVpc } from './vpcs.ts'

const one = { MinCount: 1, MaxCount: 1 }

function launched(fixture: Ec2Fixture, input: object = {}) {
  return fixture.run(RunInstances, { ...one, ...input }).Instances?.[0] ?? assert.fail()
}

function smallSubnet(fixture: Ec2Fixture, more = {}): string {
  const VpcId = fixture.run(CreateVpc, { CidrBlock: '10.0.0.0/16', Ipv6CidrBlock: 'fd00:1::/56' }).Vpc?.VpcId
  const { Subnet } = fixture.run(CreateSubnet, { VpcId, CidrBlock: '10.0.1.0/28', ...more })
  return Subnet?.SubnetId ?? assert.fail()
}

test('an instance without any wish runs in the default subnet with its first free address and the default group', () => {
  const fixture = new Ec2Fixture()
  const instance = launched(fixture)
  assert.equal(instance.State?.Name, 'running')
  assert.equal(instance.PrivateIpAddress, '127.0.0.4')
  assert.equal(instance.SubnetId, fixture.subnetId('local-1a'))
  assert.equal(instance.Placement?.AvailabilityZone, 'local-1a')
  assert.equal(instance.SecurityGroups?.[0]?.GroupName, 'default')
  assert.equal(launched(fixture).PrivateIpAddress, '127.0.0.5')
})

test('an instance stands for the host with the address that was given, in the default subnet that holds it', () => {
  const fixture = new Ec2Fixture()
  const instance = launched(fixture, { PrivateIpAddress: '127.128.0.1' })
  assert.equal(instance.PrivateIpAddress, '127.128.0.1')
  assert.equal(instance.SubnetId, fixture.subnetId('local-1b'))
})

test('an address belongs to one instance at a time', () => {
  const fixture = new Ec2Fixture()
  const first = launched(fixture, { PrivateIpAddress: '127.0.0.9' })
  const again = { ...one, PrivateIpAddress: '127.0.0.9' }
  fixture.refused(RunInstances, again, 'InvalidIPAddress.InUse', 'Address 127.0.0.9 is in use.')
  fixture.run(TerminateInstances, { InstanceIds: [first.InstanceId ?? ''] })
  launched(fixture, { PrivateIpAddress: '127.0.0.9' })
})

test('an instance may have the address of a load balancer: both can be this host', () => {
  const fixture = new Ec2Fixture()
  loadBalancerIn(fixture, [])
  assert.equal(launched(fixture, { PrivateIpAddress: '127.0.0.1' }).PrivateIpAddress, '127.0.0.1')
})

test('an address outside the subnet is refused', () => {
  const fixture = new Ec2Fixture()
  const outside = { ...one, PrivateIpAddress: '10.0.0.1' }
  const text = "Address 10.0.0.1 does not fall within the subnet's address range"
  fixture.refused(RunInstances, outside, 'InvalidParameterValue', text)
  fixture.refused(RunInstances, { ...one, PrivateIpAddress: 'host' }, 'InvalidParameterValue', /Invalid IP address/)
})

test('between MinCount and MaxCount as many instances run as the subnet has addresses for', () => {
  const fixture = new Ec2Fixture()
  const SubnetId = smallSubnet(fixture)
  const reservation = fixture.run(RunInstances, { SubnetId, MinCount: 1, MaxCount: 50 })
  const addresses = reservation.Instances?.map(instance => instance.PrivateIpAddress)
  assert.deepEqual(
    addresses,
    Array.from({ length: 11 }, (_, i) => `10.0.1.${4 + i}`),
  )
  fixture.refused(RunInstances, { ...one, SubnetId }, 'InsufficientFreeAddressesInSubnet', /not enough free addresses/)
})

test('counts that contradict each other are refused', () => {
  const fixture = new Ec2Fixture()
  fixture.refused(RunInstances, { MinCount: 2, MaxCount: 1 }, 'InvalidParameterValue', /minCount/)
  fixture.refused(RunInstances, { MinCount: 20_000, MaxCount: 20_000 }, 'InstanceLimitExceeded', /10000/)
  const two = { MinCount: 1, MaxCount: 2, PrivateIpAddress: '127.0.0.9' }
  fixture.refused(RunInstances, two, 'InvalidParameterCombination', /one instance only/)
})

test('an instance can have an IPv6 address, chosen or the next free one', () => {
  const fixture = new Ec2Fixture()
  const SubnetId = smallSubnet(fixture, { Ipv6CidrBlock: 'fd00:1::/64' })
  assert.equal(launched(fixture, { SubnetId, Ipv6AddressCount: 1 }).Ipv6Address, 'fd00:1::4')
  const chosen = { SubnetId, Ipv6Addresses: [{ Ipv6Address: 'fd00:1:0:0::99' }] }
  assert.equal(launched(fixture, chosen).Ipv6Address, 'fd00:1::99')
  const none = { ...one, Ipv6AddressCount: 1, SubnetId: fixture.subnetId('local-1b') }
  fixture.refused(RunInstances, none, 'InsufficientFreeAddressesInSubnet', /not enough/)
})

test('the network may be told for the network interface instead', () => {
  const fixture = new Ec2Fixture()
  const SubnetId = smallSubnet(fixture)
  const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId, PrivateIpAddress: '10.0.1.7' }]
  assert.equal(launched(fixture, { NetworkInterfaces }).PrivateIpAddress, '10.0.1.7')
  fixture.refused(
    RunInstances,
    { ...one, SubnetId, NetworkInterfaces },
    'InvalidParameterCombination',
    /Network interfaces/,
  )
})

test('security groups belong to the VPC of the subnet', () => {
  const fixture = new Ec2Fixture()
  const group = fixture.run(CreateSecurityGroup, { GroupName: 'web', Description: 'web' }).GroupId ?? ''
  assert.equal(launched(fixture, { SecurityGroupIds: [group] }).SecurityGroups?.[0]?.GroupId, group)
  assert.equal(launched(fixture, { SecurityGroups: ['web'] }).SecurityGroups?.[0]?.GroupId, group)
  const SubnetId = smallSubnet(fixture)
  const text = `Security group ${group} and subnet ${SubnetId} belong to different networks.`
  fixture.refused(RunInstances, { ...one, SubnetId, SecurityGroupIds: [group] }, 'InvalidParameter', text)
})

test('the same client token again launches nothing', () => {
  const fixture = new Ec2Fixture()
  const input = { MinCount: 2, MaxCount: 2, ClientToken: 'once' }
  const first = fixture.run(RunInstances, input)
  const second = fixture.run(RunInstances, input)
  assert.deepEqual(second, first)
  assert.equal(fixture.state.instances.size, 2)
})

test('instances are described by the call that launched them, with what was given', () => {
  const fixture = new Ec2Fixture()
  const tags = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'Name', Value: 'web' }] }]
  const input = { ImageId: 'ami-1', InstanceType: 't3.micro' as const, TagSpecifications: tags }
  const first = fixture.run(RunInstances, { ...input, MinCount: 2, MaxCount: 2 })
  launched(fixture)
  const { Reservations } = fixture.run(DescribeInstances, {})
  assert.deepEqual(
    Reservations?.map(reservation => reservation.Instances?.length),
    [2, 1],
  )
  assert.equal(Reservations?.[0]?.ReservationId, first.ReservationId)
  const found = fixture.run(DescribeInstances, {
    Filters: [
      { Name: 'tag:Name', Values: ['web'] },
      { Name: 'instance-state-name', Values: ['running'] },
      { Name: 'private-ip-address', Values: ['127.0.0.5'] },
    ],
  })
  const [instance] = found.Reservations?.[0]?.Instances ?? []
  assert.equal(instance?.ImageId, 'ami-1')
  assert.equal(instance.InstanceType, 't3.micro')
  assert.equal(instance.LaunchTime?.getTime(), fixture.now)
})

test('an instance stops, starts and is terminated, and tells what it was before', () => {
  const fixture = new Ec2Fixture()
  const InstanceIds = [launched(fixture).InstanceId ?? '']
  const stopped = fixture.run(StopInstances, { InstanceIds }).StoppingInstances?.[0]
  assert.deepEqual(stopped, {
    InstanceId: InstanceIds[0],
    PreviousState: { Code: 16, Name: 'running' },
    CurrentState: { Code: 80, Name: 'stopped' },
  })
  const { Reservations } = fixture.run(DescribeInstances, { InstanceIds })
  const reason = Reservations?.[0]?.Instances?.[0]?.StateTransitionReason
  assert.equal(reason, 'User initiated (2026-01-01 00:00:00 GMT)')
  assert.equal(fixture.run(StartInstances, { InstanceIds }).StartingInstances?.[0]?.CurrentState?.Name, 'running')
  fixture.run(TerminateInstances, { InstanceIds })
  assert.equal(fixture.instance(InstanceIds[0] ?? '').state, 'terminated')
  const text = `The instance '${InstanceIds[0]}' is not in a state from which it can be started.`
  fixture.refused(StartInstances, { InstanceIds }, 'IncorrectInstanceState', text)
  const again = fixture.run(TerminateInstances, { InstanceIds }).TerminatingInstances?.[0]
  assert.equal(again?.PreviousState?.Name, 'terminated')
})

test('a call that names one unknown instance changes none', () => {
  const fixture = new Ec2Fixture()
  const id = launched(fixture).InstanceId ?? ''
  const InstanceIds = [id, 'i-0123456789abcdef0']
  const text = "The instance ID 'i-0123456789abcdef0' does not exist"
  fixture.refused(StopInstances, { InstanceIds }, 'InvalidInstanceID.NotFound', text)
  assert.equal(fixture.instance(id).state, 'running')
})

test('a terminated instance is listed for an hour and its record goes with a later change', () => {
  const fixture = new Ec2Fixture()
  const InstanceIds = [launched(fixture).InstanceId ?? '']
  fixture.run(TerminateInstances, { InstanceIds })
  const count = () => fixture.run(DescribeInstances, {}).Reservations?.length
  fixture.now += 3_600_000
  assert.equal(count(), 1)
  fixture.now += 1
  assert.equal(count(), 0)
  fixture.refused(DescribeInstances, { InstanceIds }, 'InvalidInstanceID.NotFound', /does not exist/)
  launched(fixture)
  assert.equal(fixture.state.instances.size, 1)
})

test('the status of a running instance is ok; others show only when asked for', () => {
  const fixture = new Ec2Fixture()
  const [running, stopped] = [launched(fixture), launched(fixture)].map(instance => instance.InstanceId ?? '')
  fixture.run(StopInstances, { InstanceIds: [stopped ?? ''] })
  const { InstanceStatuses } = fixture.run(DescribeInstanceStatus, {})
  assert.deepEqual(
    InstanceStatuses?.map(status => [status.InstanceId, status.InstanceStatus?.Status]),
    [[running, 'ok']],
  )
  assert.equal(fixture.run(DescribeInstanceStatus, { IncludeAllInstances: true }).InstanceStatuses?.length, 2)
})
