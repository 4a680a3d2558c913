import type { Constraint, Constraints } from '../call.ts'

const port: Constraint = { min: 1, max: 65_535 }
const priority: Constraint = { min: 1, max: 50_000 }
const pageSize: Constraint = { min: 1, max: 400 }
const atMostTwenty: Constraint = { max: 20 }
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u
const attributeKey: Constraint = { max: 256, pattern: /^[a-zA-Z0-9._]+$/ }
const protocol: Constraint = {
  enum: ['HTTP', 'HTTPS', 'TCP', 'TLS', 'UDP', 'TCP_UDP', 'GENEVE', 'QUIC', 'TCP_QUIC'],
}
const healthCheck = (input: string): Constraints => ({
  [`${input}.HealthCheckProtocol`]: protocol,
  [`${input}.HealthCheckPath`]: { max: 1024 },
  [`${input}.HealthCheckIntervalSeconds`]: { min: 5, max: 300 },
  [`${input}.HealthCheckTimeoutSeconds`]: { min: 2, max: 120 },
  [`${input}.HealthyThresholdCount`]: { min: 2, max: 10 },
  [`${input}.UnhealthyThresholdCount`]: { min: 2, max: 10 },
})

/** What Elastic Load Balancing's service model says of members beside their types. */
export const constraints: Constraints = {
  'CreateLoadBalancerInput.Scheme': { enum: ['internet-facing', 'internal'] },
  'CreateLoadBalancerInput.Type': { enum: ['application', 'network', 'gateway'] },
  'CreateLoadBalancerInput.IpAddressType': { enum: ['ipv4', 'dualstack', 'dualstack-without-public-ipv4'] },
  'CreateLoadBalancerInput.Tags': { min: 1 },
  'SetSubnetsInput.IpAddressType': { enum: ['ipv4', 'dualstack', 'dualstack-without-public-ipv4'] },
  'SetIpAddressTypeInput.IpAddressType': { enum: ['ipv4', 'dualstack', 'dualstack-without-public-ipv4'] },
  'SetSecurityGroupsInput.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic': { enum: ['on', 'off'] },
  'CreateTargetGroupInput.Protocol': protocol,
  'CreateTargetGroupInput.Port': port,
  'CreateTargetGroupInput.TargetType': { enum: ['instance', 'ip', 'lambda', 'alb'] },
  'CreateTargetGroupInput.TargetControlPort': port,
  'CreateTargetGroupInput.IpAddressType': { enum: ['ipv4', 'ipv6'] },
  'CreateTargetGroupInput.Tags': { min: 1 },
  ...healthCheck('CreateTargetGroupInput'),
  ...healthCheck('ModifyTargetGroupInput'),
  'TargetDescription.Port': port,
  'CreateListenerInput.Protocol': protocol,
  'CreateListenerInput.Port': port,
  'CreateListenerInput.Tags': { min: 1 },
  'ModifyListenerInput.Protocol': protocol,
  'ModifyListenerInput.Port': port,
  'Action.Type': {
    enum: ['forward', 'authenticate-oidc', 'authenticate-cognito', 'redirect', 'fixed-response', 'jwt-validation'],
  },
  'Action.Order': { min: 1, max: 50_000 },
  'FixedResponseActionConfig.MessageBody': { max: 1024 },
  'FixedResponseActionConfig.StatusCode': { pattern: /^(2|4|5)\d\d$/ },
  'FixedResponseActionConfig.ContentType': { max: 32 },
  'RedirectActionConfig.Protocol': { pattern: /^(HTTPS?|#\{protocol\})$/ },
  'RedirectActionConfig.Host': { min: 1, max: 128 },
  'RedirectActionConfig.Path': { min: 1, max: 128 },
  'RedirectActionConfig.Query': { max: 128 },
  'RedirectActionConfig.StatusCode': { enum: ['HTTP_301', 'HTTP_302'] },
  'CreateRuleInput.Priority': priority,
  'CreateRuleInput.Tags': { min: 1 },
  'RulePriorityPair.Priority': priority,
  'RuleCondition.Field': { max: 64 },
  'HttpHeaderConditionConfig.HttpHeaderName': { max: 40 },
  'TargetGroupTuple.Weight': { min: 0, max: 999 },
  'Tag.Key': { min: 1, max: 128, pattern: tagText },
  'Tag.Value': { max: 256, pattern: tagText },
  'AddTagsInput.Tags': { min: 1 },
  'DescribeTagsInput.ResourceArns': atMostTwenty,
  'DescribeTargetHealthInput.Include': { enum: ['AnomalyDetection', 'All'] },
  'LoadBalancerAttribute.Key': attributeKey,
  'LoadBalancerAttribute.Value': { max: 1024 },
  'ModifyLoadBalancerAttributesInput.Attributes': atMostTwenty,
  'ListenerAttribute.Key': attributeKey,
  'TargetGroupAttribute.Key': attributeKey,
  'DescribeLoadBalancersInput.LoadBalancerArns': atMostTwenty,
  'DescribeLoadBalancersInput.PageSize': pageSize,
  'DescribeTargetGroupsInput.PageSize': pageSize,
  'DescribeListenersInput.PageSize': pageSize,
  'DescribeRulesInput.PageSize': pageSize,
  'DescribeListenerCertificatesInput.PageSize': pageSize,
  'DescribeSSLPoliciesInput.PageSize': pageSize,
  'DescribeSSLPoliciesInput.LoadBalancerType': { enum: ['application', 'network', 'gateway'] },
  'DescribeAccountLimitsInput.PageSize': pageSize,
}
