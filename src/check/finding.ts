/** Something in a design that is going to cost its owner requests, time or safety. */
export interface Finding {
  /** Names its kind: `orphan`. */
  readonly id: string
  /** `error`: requests are lost, or a deployment fails. */
  readonly severity: 'error' | 'warning'
  /** What it concerns: `deployment group shop/web`, `load balancer web`. */
  readonly subject: string
  readonly text: string
  /** What follows of it on AWS, and here unless `here` says otherwise; with seconds where it takes time. */
  readonly consequence: string
  /** What follows of it in Sluice, not under AWS's timing, where that is something else. */
  readonly here?: string
  readonly cure: string
  /** The cure, or what of it can be said without asking, for a shell with the AWS CLI; in this order. */
  readonly commands: readonly string[]
}
