import { allReferences } from '../domain/references.ts'
import type { State } from '../domain/state.ts'
import { aws } from './aws-command.ts'
import type { Finding } from './finding.ts'
import type { Pair } from './pair.ts'

/**
 * HTTP and HTTPS checks behind Network Load Balancers, whose checkers seek consensus among themselves and so ask more often than they were
 * told (AWS: Health checks for Network Load Balancer target groups). A group of Application Load Balancers takes no other check.
 */
export function busyHealthChecks(state: State, pairs: readonly Pair[]): readonly Finding[] {
  const ofPairs = pairs.filter(({ loadBalancer }) => loadBalancer.type === 'network').flatMap(({ groups }) => groups)
  const references = allReferences(state)
  return [...state.targetGroups.values()].flatMap((group): readonly Finding[] => {
    const { protocol, path, intervalSeconds } = group.healthCheck
    const isBehind =
      ofPairs.includes(group) || references.get(group.arn)?.some(({ loadBalancer }) => loadBalancer.type === 'network')
    if (protocol === 'TCP' || group.targetType === 'alb' || !isBehind) return []
    return [
      {
        id: 'http-check',
        severity: 'warning',
        subject: `target group ${group.name}`,
        text: `Its targets are checked by ${protocol} (${path}) behind a Network Load Balancer.`,
        consequence: `A target answers, and logs, many such requests in ${intervalSeconds} s instead of one: the load balancer's checkers each ask until they agree.`,
        here: `A target is asked once in ${intervalSeconds} s.`,
        cure: 'Check by TCP, which costs a target a connect each; what only HTTP can tell, let an alarm or a container health check watch.',
        commands: [aws('elbv2 modify-target-group', { 'target-group-arn': group.arn, 'health-check-protocol': 'TCP' })],
      },
    ]
  })
}
