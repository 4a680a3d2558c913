import type {
  DescribeNetworkInterfacesRequest,
  DescribeNetworkInterfacesResult,
  GroupIdentifier,
  InstanceNetworkInterface,
  NetworkInterface,
} from '@aws-sdk/client-ec2'
import { fixedHex } from '../../domain/fixed-hex.ts'
import type { LoadBalancer, LoadBalancerZone } from '../../domain/load-balancer.ts'
import type { Instance } from '../../domain/network.ts'
import type { Call } from '../call.ts'
import { zoneIdOf } from './availability-zones.ts'
import { type FilterTable, filteredPage } from './filters.ts'
import { chosen, isTerminated, kinds } from './resources.ts'

const filters: FilterTable<NetworkInterface> = {
  'addresses.primary': item => item.PrivateIpAddresses?.map(address => address.Primary),
  'addresses.private-ip-address': item => item.PrivateIpAddresses?.map(address => address.PrivateIpAddress),
  'attachment.attachment-id': item => item.Attachment?.AttachmentId,
  'attachment.device-index': item => item.Attachment?.DeviceIndex,
  'attachment.instance-id': item => item.Attachment?.InstanceId,
  'attachment.instance-owner-id': item => item.Attachment?.InstanceOwnerId,
  'attachment.status': item => item.Attachment?.Status,
  'availability-zone': item => item.AvailabilityZone,
  description: item => item.Description,
  'group-id': item => item.Groups?.map(group => group.GroupId),
  'group-name': item => item.Groups?.map(group => group.GroupName),
  'interface-type': item => item.InterfaceType,
  'ipv6-addresses.ipv6-address': item => item.Ipv6Addresses?.map(address => address.Ipv6Address),
  'mac-address': item => item.MacAddress,
  'network-interface-id': item => item.NetworkInterfaceId,
  'owner-id': item => item.OwnerId,
  'private-dns-name': item => item.PrivateDnsName,
  'private-ip-address': item => item.PrivateIpAddress,
  'requester-id': item => item.RequesterId,
  'requester-managed': item => item.RequesterManaged,
  'source-dest-check': item => item.SourceDestCheck,
  status: item => item.Status,
  'subnet-id': item => item.SubnetId,
  'vpc-id': item => item.VpcId,
}

/** One for each zone of each load balancer and one for each instance; nobody stores them. */
export function DescribeNetworkInterfaces(
  input: DescribeNetworkInterfacesRequest,
  call: Call,
): DescribeNetworkInterfacesResult {
  const { loadBalancers, instances } = call.draft.state
  const all = [
    ...loadBalancers
      .values()
      .flatMap(balancer => balancer.zones.map(zone => loadBalancerInterface(balancer, zone, call))),
    ...instances
      .values()
      .filter(instance => !isTerminated(instance))
      .map(instance => instanceInterface(instance, call)),
  ]
  const byId = new Map(all.map(item => [item.NetworkInterfaceId, item]))
  const items = chosen(kinds.networkInterfaces, byId, input.NetworkInterfaceIds)
  const { items: NetworkInterfaces, NextToken } = filteredPage(items, filters, item => item.NetworkInterfaceId, input)
  return { NextToken, NetworkInterfaces }
}

/** As AWS describes an interface that a load balancer made: `ELB net/NAME/ID` or `ELB app/NAME/ID`, managed by `amazon-elb`. */
function loadBalancerInterface(balancer: LoadBalancer, zone: LoadBalancerZone, call: Call) {
  const id = interfaceId(`${balancer.arn} ${zone.subnetId}`)
  return {
    ...common(id, zone.ipv4Address, zone.ipv6Address, call),
    AvailabilityZone: zone.zoneName,
    AvailabilityZoneId: zoneIdOf(zone.zoneName, call.region),
    SubnetId: zone.subnetId,
    VpcId: balancer.vpcId,
    Description: `ELB ${balancer.arn.split(':loadbalancer/')[1]}`,
    InterfaceType: balancer.type === 'network' ? 'network_load_balancer' : 'load_balancer',
    RequesterId: 'amazon-elb',
    RequesterManaged: true,
    SourceDestCheck: false,
    Groups: groupIdentifiers(balancer.securityGroups, call),
    Attachment: {
      AttachmentId: `ela-attach-${fixedHex(`${id} attachment`, 17)}`,
      DeleteOnTermination: false,
      DeviceIndex: 1,
      InstanceOwnerId: 'amazon-elb',
      Status: 'attached' as const,
    },
  } satisfies NetworkInterface
}

function instanceInterface(instance: Instance, call: Call) {
  const { Attachment, ...attached } = attachedInterface(instance, call)
  const zoneName = call.draft.state.subnets.get(instance.subnetId)?.zoneName
  return {
    ...attached,
    ...common(attached.NetworkInterfaceId, instance.privateIpAddress, instance.ipv6Address, call),
    AvailabilityZone: zoneName,
    AvailabilityZoneId: zoneIdOf(zoneName, call.region),
    InterfaceType: 'interface',
    RequesterManaged: false,
    Attachment: { ...Attachment, InstanceId: instance.id, InstanceOwnerId: call.account },
  } satisfies NetworkInterface
}

/** An instance's only interface, as DescribeInstances shows it. */
export function attachedInterface(instance: Instance, call: Call) {
  const id = interfaceId(instance.id)
  return {
    ...common(id, instance.privateIpAddress, instance.ipv6Address, call),
    SubnetId: instance.subnetId,
    VpcId: instance.vpcId,
    Description: '',
    InterfaceType: 'interface',
    SourceDestCheck: true,
    Groups: groupIdentifiers(instance.securityGroups, call),
    Attachment: {
      AttachmentId: `eni-attach-${fixedHex(`${id} attachment`, 17)}`,
      AttachTime: new Date(instance.launchTime),
      DeleteOnTermination: true,
      DeviceIndex: 0,
      Status: 'attached' as const,
    },
  } satisfies InstanceNetworkInterface
}

function common(id: string, address: string, ipv6Address: string | undefined, call: Call) {
  const dnsName = privateDnsName(address, call)
  return {
    NetworkInterfaceId: id,
    OwnerId: call.account,
    Status: 'in-use' as const,
    MacAddress: macAddress(id),
    PrivateIpAddress: address,
    PrivateDnsName: dnsName,
    PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: address, PrivateDnsName: dnsName }],
    Ipv6Addresses: ipv6Address === undefined ? [] : [{ Ipv6Address: ipv6Address }],
  }
}

function interfaceId(owner: string): string {
  return `eni-${fixedHex(`interface of ${owner}`, 17)}`
}

/** Locally administered (IEEE 802: second lowest bit of the first octet), and no interface really has it. */
function macAddress(id: string): string {
  return `02${fixedHex(`mac of ${id}`, 10)}`.match(/../g)?.join(':') ?? ''
}

/** AWS: EC2 instance hostnames, IP name. */
export function privateDnsName(address: string, call: Call): string {
  const domain = call.region === 'us-east-1' ? 'ec2.internal' : `${call.region}.compute.internal`
  return `ip-${address.replaceAll('.', '-')}.${domain}`
}

/** Groups as interfaces and instances show them: names beside ids. */
export function groupIdentifiers(ids: readonly string[], call: Call): GroupIdentifier[] {
  return ids.map(id => ({ GroupId: id, GroupName: call.draft.state.securityGroups.get(id)?.name }))
}
