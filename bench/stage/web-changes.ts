import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { WebStage } from './web.ts'

/** Changes to the configuration that no client may notice. */
export class WebChanges {
  readonly #stage: WebStage
  readonly #green: string
  readonly #otherCertificate: string
  readonly #durations: number[] = []
  readonly #rules: string[] = []
  #done = 0
  /** How long the last one took to be answered. */
  lastMs = 0

  /** Makes what is changed back and forth: a second group of the same targets, a second certificate. */
  static async prepare(stage: WebStage): Promise<WebChanges> {
    const { api, arns, targets } = stage
    const { TargetGroups = [] } = await api.elbv2.createTargetGroup({
      Name: 'green',
      Protocol: 'HTTP',
      Port: 80,
      VpcId: arns.vpcId,
      TargetType: 'ip',
      HealthCheckIntervalSeconds: 5,
      HealthyThresholdCount: 2,
    })
    const green = String(TargetGroups[0]?.TargetGroupArn)
    const Targets = targets.slice(0, 2).map(({ address }) => ({ Id: address }))
    await api.elbv2.registerTargets({ TargetGroupArn: green, Targets })
    const { CertificateArn = '' } = await api.acm.requestCertificate({
      DomainName: 'bench.example.com',
      KeyAlgorithm: 'EC_prime256v1',
      IdempotencyToken: 'second',
    })
    return new WebChanges(stage, green, CertificateArn)
  }

  private constructor(stage: WebStage, green: string, otherCertificate: string) {
    this.#stage = stage
    this.#green = green
    this.#otherCertificate = otherCertificate
  }

  /** Any kind, one after the other. */
  any(): Promise<void> {
    const kinds = [
      () => this.#changeRules(),
      () => this.#changeTargets(),
      () => this.#changeWeights(),
      () => this.#changeCertificates(),
      () => this.#changeAttributes(),
    ]
    return this.#do(kinds[this.#done % kinds.length]!)
  }

  ruleOrWeight(): Promise<void> {
    return this.#do(this.#done % 2 === 0 ? () => this.#changeRules() : () => this.#changeWeights())
  }

  toString(): string {
    const sorted = [...this.#durations].sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]?.toFixed(1)
    return `answered p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${at(1)} ms`
  }

  async #do(change: () => Promise<unknown>): Promise<void> {
    const began = performance.now()
    await change()
    this.lastMs = performance.now() - began
    this.#durations.push(this.lastMs)
    this.#done++
  }

  async #changeRules(): Promise<void> {
    const { api, arns } = this.#stage
    const gone = this.#rules.length < 10 ? undefined : this.#rules.shift()
    if (gone !== undefined) {
      await api.elbv2.deleteRule({ RuleArn: gone })
      return
    }
    const isForward = this.#done % 4 === 0
    const { Rules = [] } = await api.elbv2.createRule({
      ListenerArn: arns.httpListener,
      Priority: 1_000 + this.#done,
      // Half of them are what every request goes by.
      Conditions: [{ Field: 'path-pattern', Values: [isForward ? '/' : `/rule-${this.#done}/*`] }],
      Actions: [isForward ? this.#weighted() : { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
    })
    this.#rules.push(String(Rules[0]?.RuleArn))
  }

  async #changeTargets(): Promise<void> {
    const { api, arns, targets } = this.#stage
    const changed = { TargetGroupArn: arns.targetGroup, Targets: [{ Id: targets[2]!.address }] }
    const { TargetHealthDescriptions = [] } = await api.elbv2.describeTargetHealth(changed)
    const state = TargetHealthDescriptions[0]?.TargetHealth?.State
    if (state === 'healthy') await api.elbv2.deregisterTargets(changed)
    else await api.elbv2.registerTargets(changed)
  }

  async #changeWeights(): Promise<void> {
    const { api, arns } = this.#stage
    const ListenerArn = this.#done % 3 === 0 ? arns.httpsListener : arns.httpListener
    await api.elbv2.modifyListener({ ListenerArn, DefaultActions: [this.#weighted()] })
  }

  #weighted(): Action {
    const weight = (this.#done * 37) % 101
    const TargetGroups = [
      { TargetGroupArn: this.#stage.arns.targetGroup, Weight: weight },
      { TargetGroupArn: this.#green, Weight: 100 - weight },
    ]
    return { Type: 'forward', ForwardConfig: { TargetGroups } }
  }

  async #changeCertificates(): Promise<void> {
    const { api, arns } = this.#stage
    const ListenerArn = arns.httpsListener
    const Certificates = [{ CertificateArn: this.#otherCertificate }]
    const steps = [
      () => api.elbv2.addListenerCertificates({ ListenerArn, Certificates }),
      () => api.elbv2.removeListenerCertificates({ ListenerArn, Certificates }),
      () => api.elbv2.modifyListener({ ListenerArn, Certificates }),
      () => api.elbv2.modifyListener({ ListenerArn, Certificates: [{ CertificateArn: arns.certificate }] }),
    ]
    await steps[Math.floor(this.#done / 5) % steps.length]!()
  }

  async #changeAttributes(): Promise<void> {
    const { api, arns } = this.#stage
    const turn = Math.floor(this.#done / 5)
    const isOdd = Math.floor(turn / 3) % 2 === 1
    const one = (Key: string, Value: string) => [{ Key, Value }]
    const steps = [
      () =>
        api.elbv2.modifyLoadBalancerAttributes({
          LoadBalancerArn: arns.loadBalancer,
          Attributes: one('idle_timeout.timeout_seconds', isOdd ? '60' : '90'),
        }),
      () =>
        api.elbv2.modifyTargetGroupAttributes({
          TargetGroupArn: arns.targetGroup,
          Attributes: one('load_balancing.algorithm.type', isOdd ? 'round_robin' : 'least_outstanding_requests'),
        }),
      () =>
        api.elbv2.modifyListenerAttributes({
          ListenerArn: arns.httpListener,
          Attributes: one('routing.http.response.server.enabled', isOdd ? 'true' : 'false'),
        }),
    ]
    await steps[turn % steps.length]!()
  }
}
