/** Stories of deployments in which whatever is done is done with the AWS CLI. */
import { type TestContext, test } from 'node:test'
import type { CloudWatch } from '@aws-sdk/client-cloudwatch'
import type { CodeDeploy } from '@aws-sdk/client-codedeploy'
import { lacking } from '../lacking.ts'
import { blueGreen } from './blue-green.ts'
import { cliClient, cliWaiter } from './drivers.ts'
import { has } from './sluice.ts'

export type Stage = Awaited<ReturnType<typeof stageByCli>>

/**
 * `blueGreen`, with CodeDeploy and CloudWatch by the AWS CLI. What only looks how far things are asks `clients`, the SDK's, which
 * takes a fraction of the time.
 */
export async function stageByCli(t: TestContext, wishes: Parameters<typeof blueGreen>[1] = {}) {
  const stage = await blueGreen(t, wishes)
  const { url } = stage.sluice
  return {
    ...stage,
    codedeploy: cliClient<CodeDeploy>(url, 'deploy'),
    cloudwatch: cliClient<CloudWatch>(url, 'cloudwatch'),
    wait: cliWaiter(url),
  }
}

export function storyByCli(name: string, tell: (t: TestContext) => Promise<void>): void {
  test(name, async t => (has('aws') ? await tell(t) : lacking(t, 'aws (Debian: awscli)')))
}
