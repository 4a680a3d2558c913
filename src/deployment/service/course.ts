import { isFinal, type ServiceDeployment, serviceDeploymentsOf } from '../../domain/service-deployment.ts'
import type { Course } from '../course.ts'
import { wait } from '../view.ts'
import { withAnswer } from './hooks.ts'
import { followRolling } from './rolling.ts'
import { advanceShift } from './steps.ts'

/** ECS's own deployments. One of a service that comes before another one is over waits for its end. */
export const serviceCourse: Course = {
  unfinished: ({ serviceDeployments }) =>
    [...serviceDeployments.values()].filter(its => !isFinal(its)).map(({ arn }) => arn),

  advance(arn, view) {
    const deployment = view.state.serviceDeployments.get(arn)
    if (deployment === undefined || isFinal(deployment)) return wait()
    const oldest = serviceDeploymentsOf(view.state, deployment.serviceArn).findLast(its => !isFinal(its))
    if (oldest !== deployment) return wait()
    return deployment.settings.strategy === 'ROLLING' ? followRolling(deployment, view) : advanceShift(deployment, view)
  },

  answered({ deploymentId, executionId }, answer, { serviceDeployments }, now) {
    const deployment = serviceDeployments.get(deploymentId)
    if (deployment === undefined || isFinal(deployment)) return []
    const value = withAnswer(deployment, executionId, answer, now)
    return value === deployment ? [] : [{ table: 'serviceDeployments', key: value.arn, value }]
  },

  told(arn, { serviceDeployments: former }, { serviceDeployments }) {
    const [before, after] = [former.get(arn), serviceDeployments.get(arn)]
    if (before === undefined || after === undefined) return undefined
    const name = `service deployment ${arn.slice(arn.indexOf(':service-deployment/') + ':service-deployment/'.length)}`
    if (isFinal(after)) return `${name}: ${after.status}${reasonOf(after)}`
    if (after.rollback !== undefined && before.rollback === undefined) return `${name}: goes back${reasonOf(after)}`
    const [was, is] = [before.progress, after.progress]
    if (is === undefined) return undefined
    if (is.shifted !== was?.shifted && is.shifted > 0)
      return `${name}: ${is.shifted} % of new flows go to the target service revision`
    return is.stage === was?.stage ? undefined : `${name}: ${is.stage}`
  },
}

function reasonOf({ statusReason }: ServiceDeployment): string {
  return statusReason === undefined ? '' : `: ${statusReason}`
}
