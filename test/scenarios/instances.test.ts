/** Targets of type instance: names for hosts that exist, whose state decides who serves. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { testOnEachEngine } from './engines.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { startTarget } from './targets.ts'

testOnEachEngine(
  'an instance stands for the host at its address: stopped it is unused and gets nothing, started it serves again',
  26_030,
  async (t, { flags, port }) => {
    const sluice = await startSluice(t, { flags })
    const network = new Network(sluice.url)
    const { subnetId, vpcId } = await network.subnet()
    const hosts = await Promise.all([1, 2].map(host => startTarget(t, `127.76.${port % 256}.${host}`, port)))
    // The kernel engine enforces what instances on this host admit.
    const { GroupId = '' } = await network.ec2.createSecurityGroup({
      GroupName: 'service',
      Description: 'who may ask',
      VpcId: vpcId,
    })
    const rule = { IpProtocol: 'tcp', FromPort: port, ToPort: port, IpRanges: [{ CidrIp: '127.0.0.0/8' }] }
    await network.ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [rule] })
    const instances = await Promise.all(
      hosts.map(async ({ address }) => {
        const wish = {
          ImageId: 'ami-12345678',
          MinCount: 1,
          MaxCount: 1,
          SubnetId: subnetId,
          PrivateIpAddress: address,
          SecurityGroupIds: [GroupId],
        }
        const { Instances = [] } = await network.ec2.runInstances(wish)
        assert.equal(Instances[0]?.PrivateIpAddress, address)
        return String(Instances[0]?.InstanceId)
      }),
    )
    const [one = '', two = ''] = instances
    const { TargetGroups = [] } = await network.elbv2.createTargetGroup({
      Name: 'instances',
      Protocol: 'TCP',
      Port: port,
      VpcId: vpcId,
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
    })
    assert.equal(TargetGroups[0]?.TargetType, 'instance')
    const TargetGroupArn = String(TargetGroups[0]?.TargetGroupArn)
    await network.elbv2.registerTargets({ TargetGroupArn, Targets: instances.map(Id => ({ Id })) })
    await network.listener(await network.loadBalancer(), 'TCP', port, { [TargetGroupArn]: 1 })
    await network.allHealthy(TargetGroupArn)

    /** Who answers 20 new connections; `reset` for one whose target was stopped meanwhile. */
    const answering = async () => {
      const answers = Array.from({ length: 20 }, async () => {
        const socket = connect(port, '127.0.0.1')
        socket.write('hello')
        const [data] = await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => ['reset'])
        socket.destroy()
        return String(data).split(' ')[0]
      })
      return [...new Set(await Promise.all(answers))].sort()
    }
    await until('both serve', async () => (await answering()).length === 2)

    await network.ec2.stopInstances({ InstanceIds: [one] })
    const { TargetHealthDescriptions = [] } = await network.elbv2.describeTargetHealth({
      TargetGroupArn,
      Targets: [{ Id: one }],
    })
    const { State, Reason } = TargetHealthDescriptions[0]?.TargetHealth ?? {}
    assert.deepEqual([State, Reason], ['unused', 'Target.InvalidState'])
    await until('only the other serves', async () => String(await answering()) === hosts[1]?.address, 1_000)

    await network.ec2.startInstances({ InstanceIds: [one] })
    await until('both serve again', async () => (await answering()).length === 2, 15_000)
    await network.ec2.terminateInstances({ InstanceIds: [two] })
    await until('a terminated one is gone', async () => String(await answering()) === hosts[0]?.address, 1_000)
  },
)
