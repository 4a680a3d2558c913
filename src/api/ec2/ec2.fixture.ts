import assert from 'node:assert/strict'
import type { Instance } from '../../domain/network.ts'
import { type Action, Draft } from '../call.ts'
import { Calls } from '../calls.fixture.ts'
import { ApiError } from '../errors.ts'

/** What tests of EC2's actions ask of the state, put into it, and want refused. */
export class Ec2Fixture extends Calls {
  subnetId(zoneName: string): string {
    return this.state.subnets.values().find(subnet => subnet.zoneName === zoneName)?.id ?? assert.fail()
  }

  instance(id: string): Instance {
    return this.state.instances.get(id) ?? assert.fail()
  }

  /** The action must refuse the input with this code and text. */
  refused<Input>(action: Action<Input>, input: Input, code: string, message: string | RegExp): void {
    assert.throws(
      () => this.run(action, input),
      error => {
        assert(error instanceof ApiError, String(error))
        assert.equal(error.code, code)
        if (typeof message === 'string') assert.equal(error.message, message)
        else assert.match(error.message, message)
        return true
      },
    )
  }

  /** Puts a record in place that another service would have made. */
  put(...change: Parameters<Draft['put']>): void {
    const draft = new Draft(this.state)
    draft.put(...change)
    this.state = draft.state
  }
}

/** A load balancer of the default VPC, as the ELBv2 API would have made it. */
export function loadBalancerIn(fixture: Ec2Fixture, securityGroups: readonly string[]) {
  const arn = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/hello/0123456789abcdef'
  fixture.put('loadBalancers', arn, {
    arn,
    name: 'hello',
    type: 'network',
    scheme: 'internal',
    vpcId: fixture.defaultVpcId,
    ipAddressType: 'ipv4',
    dnsName: 'hello-0123456789abcdef.elb.sluice.internal',
    createdTime: fixture.now,
    zones: [{ zoneName: 'local-1a', subnetId: fixture.subnetId('local-1a'), ipv4Address: '127.0.0.1' }],
    securityGroups,
    enforceInboundRulesOnPrivateLink: 'on',
    attributes: {},
    tags: [],
  })
}
