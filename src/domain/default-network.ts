import { fixedHex } from './fixed-hex.ts'
import type { Subnet } from './network.ts'
import type { SecurityGroup } from './security-group.ts'
import type { Change } from './state.ts'

/**
 * The network that is there before anybody asks for one: the default VPC 127.0.0.0/8, a default subnet in zone `local-1a`
 * and, with `twoZones`, one in `local-1b` (127.0.0.2 answers on Linux only), and the VPC's default security group.
 * Ids depend on account, region and name alone, so scripts that hold them survive a reset.
 */
export function defaultNetwork(account: string, region: string, twoZones: boolean): readonly Change[] {
  const id = (name: string) => fixedHex(`${account} ${region} ${name}`, 17)
  const vpcId = `vpc-${id('vpc')}`
  const subnets: Subnet[] = [
    {
      id: `subnet-${id('local-1a')}`,
      vpcId,
      zoneName: 'local-1a',
      cidrBlock: '127.0.0.0/9',
      ipv6CidrBlock: '::1/128',
      defaultForAz: true,
      sharedAddress: '127.0.0.1',
      sharedIpv6Address: '::1',
      tags: [],
    },
  ]
  if (twoZones) {
    subnets.push({
      id: `subnet-${id('local-1b')}`,
      vpcId,
      zoneName: 'local-1b',
      cidrBlock: '127.128.0.0/9',
      defaultForAz: true,
      sharedAddress: '127.0.0.2',
      tags: [],
    })
  }
  const group = defaultSecurityGroup(vpcId, {
    groupId: `sg-${id('default')}`,
    inboundRuleId: `sgr-${id('default inbound')}`,
    outboundRuleIds: [`sgr-${id('default outbound')}`, `sgr-${id('default outbound ipv6')}`],
  })
  return [
    {
      table: 'vpcs',
      key: vpcId,
      value: { id: vpcId, cidrBlock: '127.0.0.0/8', ipv6CidrBlock: '::1/128', isDefault: true, tags: [] },
    },
    ...subnets.map(subnet => ({ table: 'subnets', key: subnet.id, value: subnet }) as const),
    { table: 'securityGroups', key: group.id, value: group },
  ]
}

/**
 * The security group that every VPC has from the start: its members reach each other, and everybody outside
 * (AWS: Default security groups for your VPCs). The second id of `outboundRuleIds` is for a VPC with an IPv6 range.
 */
export function defaultSecurityGroup(
  vpcId: string,
  ids: { groupId: string; inboundRuleId: string; outboundRuleIds: readonly string[] },
): SecurityGroup {
  const peers = [{ cidrIpv4: '0.0.0.0/0' }, { cidrIpv6: '::/0' }] as const
  return {
    id: ids.groupId,
    name: 'default',
    description: 'default VPC security group',
    vpcId,
    rules: [
      { id: ids.inboundRuleId, isEgress: false, ipProtocol: '-1', peer: { groupId: ids.groupId }, tags: [] },
      ...peers
        .slice(0, ids.outboundRuleIds.length)
        .map((peer, i) => ({ id: ids.outboundRuleIds[i]!, isEgress: true, ipProtocol: '-1', peer, tags: [] })),
    ],
    tags: [],
  }
}
