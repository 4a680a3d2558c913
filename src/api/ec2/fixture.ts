import assert from 'node:assert/strict'
import { defaultNetwork } from '../../domain/default-network.ts'
import type { Instance } from '../../domain/network.ts'
import { applyChanges, emptyState, type State } from '../../domain/state.ts'
import { type Action, type Call, Draft } from '../call.ts'
import { ApiError } from '../errors.ts'

/** Calls of one region on one state that begins with the default network; what an action keeps, the next one sees. */
export class Ec2Fixture {
  now = Date.UTC(2026, 0, 1)
  #state = applyChanges(emptyState, 1, defaultNetwork('000000000000', 'us-east-1', true))
  #ids = 0

  get state(): State {
    return this.#state
  }

  get defaultVpcId(): string {
    return this.#state.vpcs.values().find(vpc => vpc.isDefault)?.id ?? assert.fail()
  }

  subnetId(zoneName: string): string {
    return this.#state.subnets.values().find(subnet => subnet.zoneName === zoneName)?.id ?? assert.fail()
  }

  instance(id: string): Instance {
    return this.#state.instances.get(id) ?? assert.fail()
  }

  /** Runs the action as one transaction: what it throws leaves no trace. */
  run<Input, Output>(action: Action<Input, Output>, input: Input): Output {
    const draft = new Draft(this.#state)
    const output = action(input, this.#call(draft))
    this.#state = draft.state
    return output
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
    const draft = new Draft(this.#state)
    draft.put(...change)
    this.#state = draft.state
  }

  #call(draft: Draft): Call {
    return {
      draft,
      account: '000000000000',
      region: 'us-east-1',
      now: this.now,
      hex: length => (++this.#ids).toString(16).padStart(length, '0'),
      host: { own: ['127.0.0.1'], range: '198.18.0.0/15' },
      health: () => undefined,
      accessKeyId: 'test',
    }
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
