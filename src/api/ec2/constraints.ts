import type { Constraint, Constraints } from '../call.ts'

const pageSize: Constraint = { min: 5, max: 1000 }

/** What the SDK's schemas do not say of EC2's members (AWS: EC2 API reference, each action's parameters). */
export const constraints: Constraints = {
  'CreateSecurityGroupRequest.Description': { min: 1, max: 255 },
  'CreateSecurityGroupRequest.GroupName': { min: 1, max: 255 },
  'CreateTagsRequest.Resources': { min: 1, max: 1000 },
  'CreateTagsRequest.Tags': { min: 1 },
  'DeleteTagsRequest.Resources': { min: 1, max: 1000 },
  'DescribeInstanceStatusRequest.MaxResults': pageSize,
  'DescribeInstancesRequest.MaxResults': pageSize,
  'DescribeNetworkInterfacesRequest.MaxResults': pageSize,
  'DescribeSecurityGroupRulesRequest.MaxResults': pageSize,
  'DescribeSecurityGroupsRequest.MaxResults': pageSize,
  'DescribeSubnetsRequest.MaxResults': pageSize,
  'DescribeTagsRequest.MaxResults': pageSize,
  'DescribeVpcsRequest.MaxResults': pageSize,
  'Filter.Values': { max: 200 },
  'ModifySecurityGroupRulesRequest.SecurityGroupRules': { min: 1 },
  'RunInstancesRequest.ClientToken': { max: 64 },
  'RunInstancesRequest.Ipv6AddressCount': { min: 0, max: 1 },
  'RunInstancesRequest.MaxCount': { min: 1, max: 1000 },
  'RunInstancesRequest.MinCount': { min: 1 },
  'StartInstancesRequest.InstanceIds': { min: 1 },
  'StopInstancesRequest.InstanceIds': { min: 1 },
  'Tag.Key': { min: 1, max: 128 },
  'Tag.Value': { max: 256 },
  'TerminateInstancesRequest.InstanceIds': { min: 1 },
}
