import { type Deployment, finalStatuses } from './code-deploy.ts'
import { servicePath } from './ecs-service.ts'
import { isFinal, type ServiceDeployment } from './service-deployment.ts'
import type { State } from './state.ts'

/** A deployment that is not over, of CodeDeploy or of ECS itself, as an operator sees it. */
export interface DeploymentUnderWay {
  /** CodeDeploy's id, or the ARN of one of ECS's own. */
  readonly id: string
  /** `deployment group shop/web`, `service default/web`. */
  readonly subject: string
  /** AWS's. */
  readonly status: Deployment['status'] | ServiceDeployment['status']
  /** CodeDeploy's lifecycle event, or ECS's stage, and what comes between. Absent before the first one, and of a rolling update. */
  readonly step?: string
  /** Since when it has been there, milliseconds since the epoch. */
  readonly since: number
  /** Share of production's new flows on the new version, per cent; absent of a rolling update. */
  readonly shifted?: number
  /** Why it goes back. */
  readonly goesBack?: string
  /** It stands still until somebody gives these commands. */
  readonly waitsFor: readonly string[]
}

/** All that are not over, CodeDeploy's first, the oldest first. A rollback is a part of what it rolls back. */
export function deploymentsUnderWay({
  deployments,
  serviceDeployments,
}: Pick<State, 'deployments' | 'serviceDeployments'>): readonly DeploymentUnderWay[] {
  return [
    ...[...deployments.values()]
      .filter(({ status, creator }) => !finalStatuses.has(status) && creator === 'user')
      .map(ofCodeDeploy),
    ...[...serviceDeployments.values()].filter(its => !isFinal(its)).map(ofService),
  ]
}

function ofCodeDeploy({ id, applicationName, deploymentGroupName, status, progress }: Deployment): DeploymentUnderWay {
  const { step, since, shifted, verdict } = progress
  return {
    ...{ id, subject: `deployment group ${applicationName}/${deploymentGroupName}`, status, since, shifted },
    ...(status !== 'Created' && { step }),
    ...(verdict && { goesBack: verdict.message }),
    waitsFor:
      status === 'Ready'
        ? [`aws deploy continue-deployment --deployment-id ${id} --deployment-wait-type READY_WAIT`]
        : [],
  }
}

function ofService(deployment: ServiceDeployment): DeploymentUnderWay {
  const { arn, serviceArn, status, progress, rollback, hookRuns, startedAt, createdAt } = deployment
  return {
    ...{ id: arn, subject: `service ${servicePath({ arn: serviceArn })}`, status },
    since: progress?.since ?? startedAt ?? createdAt,
    ...(progress && { step: progress.stage, shifted: progress.shifted }),
    ...(rollback && { goesBack: rollback.reason }),
    waitsFor: hookRuns
      .filter(run => run.status === 'AWAITING_ACTION')
      .map(run => `aws ecs continue-service-deployment --service-deployment-arn ${arn} --hook-id ${run.id}`),
  }
}
