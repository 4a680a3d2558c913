import type {
  _InstanceType,
  DescribeInstanceStatusRequest,
  DescribeInstanceStatusResult,
  DescribeInstancesRequest,
  DescribeInstancesResult,
  Instance as Ec2Instance,
  InstanceState,
  InstanceStateChange,
  InstanceStatus,
  InstanceStatusSummary,
  Reservation,
  StartInstancesRequest,
  StartInstancesResult,
  StopInstancesRequest,
  StopInstancesResult,
  TerminateInstancesRequest,
  TerminateInstancesResult,
} from '@aws-sdk/client-ec2'
import type { Instance } from '../../domain/network.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { type FilterTable, filteredPage } from './filters.ts'
import { attachedInterface, groupIdentifiers, privateDnsName } from './network-interfaces.ts'
import { chosen, isTerminated, kinds, lookUp } from './resources.ts'
import { tagSet } from './tags.ts'

/** A terminated instance stays listed this long (AWS: Terminate your instance). */
const terminatedListedMs = 3_600_000

const states = {
  running: { Code: 16, Name: 'running' },
  terminated: { Code: 48, Name: 'terminated' },
  stopped: { Code: 80, Name: 'stopped' },
} as const satisfies Record<Instance['state'], InstanceState>

function isForgotten(instance: Instance, now: number): boolean {
  return isTerminated(instance) && now - (instance.stoppedAt ?? 0) > terminatedListedMs
}

function instancesOf(call: Call): ReadonlyMap<string, Instance> {
  return new Map([...call.draft.state.instances].filter(([, instance]) => !isForgotten(instance, call.now)))
}

const filters: FilterTable<Ec2Instance> = {
  'availability-zone': instance => instance.Placement?.AvailabilityZone,
  'client-token': instance => instance.ClientToken,
  'image-id': instance => instance.ImageId,
  'instance-id': instance => instance.InstanceId,
  'instance-state-code': instance => instance.State?.Code,
  'instance-state-name': instance => instance.State?.Name,
  'instance-type': instance => instance.InstanceType,
  'instance.group-id': instance => instance.SecurityGroups?.map(group => group.GroupId),
  'instance.group-name': instance => instance.SecurityGroups?.map(group => group.GroupName),
  'ip-address': instance => instance.PublicIpAddress,
  'ipv6-address': instance => instance.Ipv6Address,
  'key-name': instance => instance.KeyName,
  'launch-time': instance => instance.LaunchTime?.toISOString(),
  'network-interface.network-interface-id': instance =>
    instance.NetworkInterfaces?.map(networkInterface => networkInterface.NetworkInterfaceId),
  'private-dns-name': instance => instance.PrivateDnsName,
  'private-ip-address': instance => instance.PrivateIpAddress,
  'subnet-id': instance => instance.SubnetId,
  'vpc-id': instance => instance.VpcId,
}

export function DescribeInstances(input: DescribeInstancesRequest, call: Call): DescribeInstancesResult {
  const instances = chosen(kinds.instances, instancesOf(call), input.InstanceIds)
  const reservations = new Map(instances.map(instance => [instance.id, instance.reservationId]))
  const described = instances.map(instance => describe(instance, call))
  const ofReservation = (instance: Ec2Instance) => reservations.get(instance.InstanceId ?? '') ?? ''
  const table = { ...filters, 'owner-id': () => call.account, 'reservation-id': ofReservation }
  const { items, NextToken } = filteredPage(described, table, instance => instance.InstanceId, input)
  const grouped = Map.groupBy(items, ofReservation)
  return { NextToken, Reservations: [...grouped].map(([id, items]) => reservation(id, items, call)) }
}

/** The instances of one RunInstances call, as the API groups them. */
export function describeReservation(instances: readonly Instance[], call: Call): Reservation {
  return reservation(
    instances[0]?.reservationId,
    instances.map(instance => describe(instance, call)),
    call,
  )
}

function reservation(id: string | undefined, instances: Ec2Instance[], call: Call): Reservation {
  return { ReservationId: id, OwnerId: call.account, Groups: [], Instances: instances }
}

export function DescribeInstanceStatus(input: DescribeInstanceStatusRequest, call: Call): DescribeInstanceStatusResult {
  const instances = chosen(kinds.instances, instancesOf(call), input.InstanceIds)
  const described = instances
    .filter(instance => input.IncludeAllInstances || instance.state === 'running')
    .map(instance => describeStatus(instance, call))
  const { items, NextToken } = filteredPage(described, statusFilters, status => status.InstanceId, input)
  return { NextToken, InstanceStatuses: items }
}

const statusFilters: FilterTable<InstanceStatus> = {
  'availability-zone': status => status.AvailabilityZone,
  'instance-state-code': status => status.InstanceState?.Code,
  'instance-state-name': status => status.InstanceState?.Name,
  'instance-status.status': status => status.InstanceStatus?.Status,
  'system-status.status': status => status.SystemStatus?.Status,
}

export function StopInstances(input: StopInstancesRequest, call: Call): StopInstancesResult {
  return { StoppingInstances: changeState(input.InstanceIds, 'stopped', call) }
}

export function StartInstances(input: StartInstancesRequest, call: Call): StartInstancesResult {
  return { StartingInstances: changeState(input.InstanceIds, 'running', call) }
}

export function TerminateInstances(input: TerminateInstancesRequest, call: Call): TerminateInstancesResult {
  return { TerminatingInstances: changeState(input.InstanceIds, 'terminated', call) }
}

/** An instance here only stands for a host, so that it is in its new state at once. */
function changeState(ids: readonly string[] | undefined, state: Instance['state'], call: Call): InstanceStateChange[] {
  forgetTerminated(call)
  return (ids ?? []).map(id => {
    const instance = lookUp(kinds.instances, call.draft.state.instances, id)
    if (isTerminated(instance) && state !== 'terminated') {
      const verb = state === 'running' ? 'started' : 'stopped'
      const text = `The instance '${id}' is not in a state from which it can be ${verb}.`
      throw new ApiError('IncorrectInstanceState', text)
    }
    if (instance.state !== state) {
      const { stoppedAt, ...rest } = instance
      const stopped = state === 'running' ? {} : { stoppedAt: call.now }
      call.draft.put('instances', id, { ...rest, state, ...stopped })
    }
    return { InstanceId: id, PreviousState: states[instance.state], CurrentState: states[state] }
  })
}

/** Lets go of the records of instances that were terminated long ago. */
export function forgetTerminated(call: Call): void {
  for (const instance of call.draft.state.instances.values()) {
    if (isForgotten(instance, call.now)) call.draft.delete('instances', instance.id)
  }
}

function describe(instance: Instance, call: Call) {
  const { id, imageId, state, stoppedAt, ipv6Address } = instance
  const transition = stoppedAt === undefined ? '' : `User initiated (${gmt(stoppedAt)})`
  return {
    InstanceId: id,
    ...(imageId && { ImageId: imageId }),
    InstanceType: instance.instanceType as _InstanceType,
    State: states[state],
    StateTransitionReason: transition,
    LaunchTime: new Date(instance.launchTime),
    ClientToken: instance.clientToken,
    Placement: { AvailabilityZone: zoneName(instance, call), GroupName: '', Tenancy: 'default' },
    Monitoring: { State: 'disabled' },
    Architecture: 'x86_64',
    Hypervisor: 'xen',
    VirtualizationType: 'hvm',
    RootDeviceType: 'ebs',
    BlockDeviceMappings: [],
    ProductCodes: [],
    EbsOptimized: false,
    PublicDnsName: '',
    ...(isTerminated(instance)
      ? { PrivateDnsName: '', SecurityGroups: [], NetworkInterfaces: [] }
      : {
          PrivateDnsName: privateDnsName(instance.privateIpAddress, call),
          PrivateIpAddress: instance.privateIpAddress,
          Ipv6Address: ipv6Address,
          SubnetId: instance.subnetId,
          VpcId: instance.vpcId,
          SecurityGroups: groupIdentifiers(instance.securityGroups, call),
          SourceDestCheck: true,
          NetworkInterfaces: [attachedInterface(instance, call)],
        }),
    Tags: tagSet(instance.tags),
  } satisfies Ec2Instance
}

/** `2026-01-01 00:00:00 GMT` */
function gmt(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} GMT`
}

function zoneName(instance: Instance, call: Call): string | undefined {
  return call.draft.state.subnets.get(instance.subnetId)?.zoneName
}

function describeStatus(instance: Instance, call: Call) {
  const summary: InstanceStatusSummary =
    instance.state === 'running'
      ? { Status: 'ok', Details: [{ Name: 'reachability', Status: 'passed' }] }
      : { Status: 'not-applicable' }
  return {
    InstanceId: instance.id,
    AvailabilityZone: zoneName(instance, call),
    InstanceState: states[instance.state],
    InstanceStatus: summary,
    SystemStatus: summary,
  } satisfies InstanceStatus
}
