import { finalStatuses } from '../../domain/code-deploy.ts'
import type { Course } from '../course.ts'
import { wait } from '../view.ts'
import { withEvent } from './record.ts'
import { advance } from './steps.ts'

/** CodeDeploy's deployments. */
export const codeDeployCourse: Course = {
  unfinished: ({ deployments }) =>
    [...deployments.values()].filter(({ status }) => !finalStatuses.has(status)).map(({ id }) => id),

  advance(id, view) {
    const deployment = view.state.deployments.get(id)
    return deployment === undefined ? wait() : advance(deployment, view)
  },

  answered({ deploymentId, executionId }, { callBack, ...said }, { deployments }) {
    const deployment = deployments.get(deploymentId)
    const event = deployment?.events.find(its => its.executionId === executionId)
    if (deployment === undefined || event?.status !== 'InProgress' || event.answer !== undefined) return []
    const value = withEvent(deployment, event.name, said)
    return [{ table: 'deployments', key: deployment.id, value }]
  },

  told(id, { deployments: former }, { deployments }) {
    const [before, after] = [former.get(id), deployments.get(id)]
    if (before === undefined || after === undefined) return undefined
    const [was, is] = [before.progress, after.progress]
    const name = `deployment ${id}`
    if (finalStatuses.has(after.status))
      return `${name}: ${after.status}${after.error === undefined ? '' : `: ${after.error.message}`}`
    if (is.verdict !== undefined && was.verdict === undefined) return `${name}: goes back: ${is.verdict.message}`
    if (is.shifted !== was.shifted) return `${name}: ${is.shifted} % of new flows go to the replacement`
    return is.step === was.step ? undefined : `${name}: ${is.step}`
  },
}
