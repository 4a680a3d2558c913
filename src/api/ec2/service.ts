import type { Service } from '../call.ts'
import { DescribeAvailabilityZones } from './availability-zones.ts'
import { constraints } from './constraints.ts'
import {
  DescribeInstanceStatus,
  DescribeInstances,
  StartInstances,
  StopInstances,
  TerminateInstances,
} from './instances.ts'
import { DescribeNetworkInterfaces } from './network-interfaces.ts'
import { RunInstances } from './run-instances.ts'
import {
  AuthorizeSecurityGroupEgress,
  AuthorizeSecurityGroupIngress,
  DescribeSecurityGroupRules,
  ModifySecurityGroupRules,
  RevokeSecurityGroupEgress,
  RevokeSecurityGroupIngress,
  UpdateSecurityGroupRuleDescriptionsEgress,
  UpdateSecurityGroupRuleDescriptionsIngress,
} from './security-group-rules.ts'
import { CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups } from './security-groups.ts'
import { CreateSubnet, DeleteSubnet, DescribeSubnets } from './subnets.ts'
import { CreateTags, DeleteTags, DescribeTags } from './tags.ts'
import { CreateVpc, DeleteVpc, DescribeVpcAttribute, DescribeVpcs } from './vpcs.ts'

const actions = {
  AuthorizeSecurityGroupEgress,
  AuthorizeSecurityGroupIngress,
  CreateSecurityGroup,
  CreateSubnet,
  CreateTags,
  CreateVpc,
  DeleteSecurityGroup,
  DeleteSubnet,
  DeleteTags,
  DeleteVpc,
  DescribeAvailabilityZones,
  DescribeInstanceStatus,
  DescribeInstances,
  DescribeNetworkInterfaces,
  DescribeSecurityGroupRules,
  DescribeSecurityGroups,
  DescribeSubnets,
  DescribeTags,
  DescribeVpcAttribute,
  DescribeVpcs,
  ModifySecurityGroupRules,
  RevokeSecurityGroupEgress,
  RevokeSecurityGroupIngress,
  RunInstances,
  StartInstances,
  StopInstances,
  TerminateInstances,
  UpdateSecurityGroupRuleDescriptionsEgress,
  UpdateSecurityGroupRuleDescriptionsIngress,
}

/** Amazon EC2, as far as load balancers need it: VPCs, subnets, security groups, and instances as names for hosts. */
export const ec2: Service = {
  signingName: 'ec2',
  version: '2016-11-15',
  protocol: 'ec2',
  xmlNamespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
  actionNames: Object.keys(actions),
  load: async () => ({ schemas: await import('@aws-sdk/client-ec2'), actions, constraints }),
}
