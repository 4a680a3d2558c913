import type { Action } from '../domain/action.ts'
import { actionsOf } from '../domain/listener-rules.ts'
import type { State } from '../domain/state.ts'
import type { TargetGroup } from '../domain/target-group.ts'
import { aws } from './aws-command.ts'
import type { Finding } from './finding.ts'
import type { Pair } from './pair.ts'

/** Behind a Network Load Balancer of AWS: from when a listener names a group that none named until it serves. */
const linkSeconds = '70-80 s'
/** A group that is on the test listener for so long is known to all of the load balancer when production moves. */
const safeWaitMinutes = 5
const lowestDummyPort = 10_000

/**
 * Groups of CodeDeploy's pairs behind Network Load Balancers that are in no listener for a while with each deployment: AWS forgets such
 * a group, and takes its time to serve it again. ECS leaves both groups in the action that it moves, and waits.
 */
export function orphans(state: State, pairs: readonly Pair[]): readonly Finding[] {
  return pairs.flatMap(pair => {
    const orphaned = orphansOf(state, pair)
    if (orphaned.length === 0 || pair.deployer !== 'CodeDeploy') return []
    const ports = [pair.production, ...(pair.test ? [pair.test] : [])].map(route => route.listener.port)
    const dark =
      ports.length === 2 ? `the listeners at ${ports.join(' and ')} answer` : `the listener at ${ports[0]} answers`
    const found: Finding = {
      id: 'orphan',
      severity: 'error',
      subject: pair.subject,
      text: `No listener but those that a deployment moves names ${names(orphaned, 'and')}, so the side that traffic has left is in none.`,
      consequence: `At a rollback to ${names(orphaned, 'or')} ${dark} nothing for ${linkSeconds}.`,
      here: 'A rollback takes milliseconds and loses nothing.',
      cure: `A dummy listener that keeps both groups in use; nobody needs to reach it. Or, where your deployer leaves weights alone, both in the production listener: ${weightZero(pair)}`,
      commands: [dummyListener(state, pair)],
    }
    return [found, ...hastyMove(pair, orphaned)]
  })
}

/** Nothing keeps the next side known, and nothing gives the load balancer time to learn of it before production moves there. */
function hastyMove(pair: Pair, orphaned: readonly TargetGroup[]): readonly Finding[] {
  if (pair.deployer !== 'CodeDeploy') return []
  const { readyOption, termination, applicationName, name } = pair.group
  const waits = readyOption.action === 'STOP_DEPLOYMENT' && pair.test !== undefined
  if (waits && readyOption.waitMinutes >= safeWaitMinutes) return []
  const text =
    pair.test === undefined
      ? 'There is neither a test listener nor a dummy listener, so the load balancer hears of the new version when production moves to it.'
      : waits
        ? `The new version is on the test listener for at most ${readyOption.waitMinutes * 60} s before production moves to it, and there is no dummy listener.`
        : 'Production moves together with the test listener, without a waiting time, and there is no dummy listener.'
  const wait = {
    deploymentReadyOption: { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 60 },
    terminateBlueInstancesOnDeploymentSuccess: {
      action: termination.action,
      ...(termination.action === 'TERMINATE' && { terminationWaitTimeInMinutes: termination.waitMinutes }),
    },
  }
  return [
    {
      id: 'hasty-move',
      severity: 'error',
      subject: pair.subject,
      text,
      consequence: `In 2 or 3 of 10 deployments to ${names(orphaned, 'or')} the listener at ${pair.production.listener.port} answers nothing for a part of the ${linkSeconds} that the new version needs.`,
      here: 'The move takes milliseconds and loses nothing.',
      cure:
        pair.test === undefined
          ? 'The dummy listener that cures the orphan cures this too.'
          : `The dummy listener that cures the orphan cures this too. Or wait: with this each deployment stays on the test listener until aws deploy continue-deployment, which you call after ${safeWaitMinutes * 60} s or later.`,
      commands:
        pair.test === undefined
          ? []
          : [
              aws('deploy update-deployment-group', {
                'application-name': applicationName,
                'current-deployment-group-name': name,
                'blue-green-deployment-configuration': wait,
              }),
            ],
    },
  ]
}

/** Those of a pair behind a Network Load Balancer that only what a deployment moves names. */
function orphansOf(state: State, pair: Pair): readonly TargetGroup[] {
  if (pair.loadBalancer.type !== 'network') return []
  const keepers = [...state.listeners.values()]
    .filter(({ arn }) => arn !== pair.production.listener.arn && arn !== pair.test?.listener.arn)
    .flatMap(listener => actionsOf(state, listener))
  const isKept = ({ arn }: TargetGroup) => keepers.some(action => isNamed(action, arn)) || keepsBoth(pair)
  return pair.groups.filter(group => !isKept(group))
}

/** Production was set up to name both, one with weight 0 perhaps: neither is ever left out. */
function keepsBoth({ production, groups }: Pair): boolean {
  return production.moved.some(action => groups.every(({ arn }) => isNamed(action, arn)))
}

/** What a deployment of Sluice's added for itself is not there on AWS. */
function isNamed({ forward }: Action, targetGroupArn: string): boolean {
  return forward.some(its => its.targetGroupArn === targetGroupArn && !its.added)
}

function names(groups: readonly TargetGroup[], word: 'and' | 'or'): string {
  return groups.map(({ name }) => name).join(` ${word} `)
}

/** Production as it is, with the groups that it does not name at weight 0. */
function weightZero({ production: { listener }, groups }: Pair): string {
  const weights = new Map(groups.map(({ arn }) => [arn, 0]))
  for (const { targetGroupArn, weight } of listener.forward) weights.set(targetGroupArn, weight)
  const TargetGroups = [...weights].map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight }))
  return aws('elbv2 modify-listener', {
    'listener-arn': listener.arn,
    'default-actions': JSON.stringify([{ Type: 'forward', ForwardConfig: { TargetGroups } }]),
  })
}

function dummyListener(state: State, { production, groups, loadBalancer }: Pair): string {
  const { protocol, tls } = production.listener
  const both = groups.map(({ arn }) => ({ TargetGroupArn: arn, Weight: 1 }))
  return aws('elbv2 create-listener', {
    'load-balancer-arn': loadBalancer.arn,
    protocol,
    port: freePort(state),
    ...(tls && { certificates: `CertificateArn=${tls.defaultCertificate}`, 'ssl-policy': tls.sslPolicy }),
    'default-actions': JSON.stringify([{ Type: 'forward', ForwardConfig: { TargetGroups: both } }]),
  })
}

/** Nobody listens there, on any load balancer, and no target does: they may share an address here. */
function freePort({ listeners, targetGroups }: State): number {
  const taken = new Set([...listeners.values()].map(({ port }) => port))
  for (const { targets } of targetGroups.values()) for (const { port } of targets) taken.add(port)
  let port = lowestDummyPort
  while (taken.has(port)) port++
  return port
}
