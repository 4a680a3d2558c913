import { finalStatuses } from '../domain/code-deploy.ts'
import { Impossible } from '../domain/colours.ts'
import { isFinal } from '../domain/service-deployment.ts'
import type { State } from '../domain/state.ts'
import { taskSetsOf } from '../domain/task-set.ts'
import type { Timing } from '../domain/timing.ts'
import type { Scene } from './designs.ts'
import { Recorder } from './recorder.ts'
import { type Subject, sidesOf } from './sides.ts'
import type { Timeline } from './timeline.ts'
import { openWorld, type World } from './world.ts'

const [secondMs, minuteMs] = [1_000, 60_000]
/** The rollback is asked for so long after the new version has answered, or so long before the old one goes. */
const untilRollbackMs = 120_000
const marginMs = 10_000
/** CodeDeploy shifts traffic for two days at most; ECS may for longer, and is not followed so far. */
const longestMs = 72 * 60 * minuteMs
/** What has not come to rest so long after the end never will: targets drain for an hour at most. */
const longestUnrestMs = 2 * 60 * minuteMs
/** What of the state does not run yet, as on a server without `--tasks`, has this long to come up. */
const longestWarmUpMs = 1_800_000

/**
 * A whole deployment and its rollback, on virtual time, by the real code. Of the same scene and timing, seed included, it is the same to
 * the last byte. Rejects with the API's `ApiError`, or with `Impossible`, where something stands against the deployment.
 */
export async function rehearse(scene: Scene, timing: Timing): Promise<Timeline> {
  const { state, now, subject, name: design, title } = scene
  const world = await openWorld({ state, now, timing, seed: timing.seed })
  try {
    await warmUp(world)
    const recorder = new Recorder(world, sidesOf(world.store.read(), subject))
    await play(world, recorder, scene)
    if (world.fault !== undefined) throw new Error(world.fault)
    return recorder.end({ design, title, timing: timing.profile, seed: timing.seed })
  } finally {
    await world.close()
  }
}

async function warmUp({ clock, store }: World): Promise<void> {
  const end = clock.now() + longestWarmUpMs
  const isSteady = () =>
    [...store.read().taskSets.values()].every(({ stabilityStatus }) => stabilityStatus === 'STEADY_STATE')
  do await clock.advance(secondMs)
  while (!isSteady() && clock.now() < end)
}

async function play(world: World, recorder: Recorder, { subject, lookMs }: Scene): Promise<void> {
  const deployment = await begin(world, subject)
  recorder.say('deployment')
  let readyAt: number | undefined
  let overAt: number | undefined
  let isContinued = false
  let isGoingBack = false
  const isTime = (answered: number) => {
    const leftMs = deployment.oldGoesAt() - world.clock.now()
    return leftMs > 0 && (leftMs <= marginMs || recorder.now >= answered + untilRollbackMs)
  }
  while (recorder.now < longestMs && world.fault === undefined) {
    await world.clock.advance(secondMs)
    recorder.look()
    const { answered = Infinity } = recorder.moments
    const status = deployment.status()
    if (status === 'over') {
      overAt ??= recorder.now
      if (recorder.isQuiet || recorder.now >= overAt + longestUnrestMs) break
    } else if (!isGoingBack && recorder.hasArrived && isTime(answered)) {
      isGoingBack = true
      recorder.rollBack()
      await deployment.rollBack()
    } else if (status === 'waits') {
      readyAt ??= recorder.now
      if (!isContinued && recorder.now >= readyAt + lookMs) {
        isContinued = true
        await deployment.goOn()
      }
    } else {
      readyAt = undefined
      isContinued = false
    }
  }
  recorder.look()
  const isTooLate = recorder.hasArrived && recorder.moments.rollback === undefined
  const remark = overAt === undefined ? ', not over yet' : isTooLate ? ', too soon for a rollback' : ''
  recorder.say(`${deployment.ending()}${remark}`)
}

/** A deployment that somebody watches over. */
interface Watched {
  /** `waits`: somebody has to say that it may go on. */
  status(): 'runs' | 'waits' | 'over'
  goOn(): Promise<unknown>
  /** When nothing is left to go back to, milliseconds since the epoch; Infinity where that is not settled yet. */
  oldGoesAt(): number
  rollBack(): Promise<unknown>
  /** How it ended, with the reason where it has one. */
  ending(): string
}

function begin(world: World, subject: Subject): Promise<Watched> {
  return subject.kind === 'deployment group' ? beginCodeDeploy(world, subject.key) : beginService(world, subject.arn)
}

/** A deployment of the task definition that is there already: what is new about it makes no difference here. */
async function beginCodeDeploy({ api, store }: World, key: string): Promise<Watched> {
  const { codedeploy } = api
  const {
    applicationName,
    name: deploymentGroupName,
    clusterName,
    serviceName,
  } = store.read().deploymentGroups.get(key)!
  const blue = primaryOf(store.read(), `:service/${clusterName}/${serviceName}`)
  const [{ containerName, containerPort } = unbalanced()] = blue.loadBalancers
  const content = JSON.stringify({
    version: 0,
    Resources: [
      {
        TargetService: {
          Type: 'AWS::ECS::Service',
          Properties: {
            TaskDefinition: blue.taskDefinitionArn,
            LoadBalancerInfo: { ContainerName: containerName, ContainerPort: containerPort },
          },
        },
      },
    ],
  })
  const { deploymentId = '' } = await codedeploy.createDeployment({
    applicationName,
    deploymentGroupName,
    revision: { revisionType: 'AppSpecContent', appSpecContent: { content } },
  })
  const its = () => store.read().deployments.get(deploymentId)!
  return {
    status() {
      const { status } = its()
      return finalStatuses.has(status) ? 'over' : status === 'Ready' ? 'waits' : 'runs'
    },
    goOn: () => codedeploy.continueDeployment({ deploymentId, deploymentWaitType: 'READY_WAIT' }),
    oldGoesAt() {
      const { progress, termination } = its()
      if (progress.step === 'TerminationWait') return progress.since + termination.waitMinutes * minuteMs
      return ['Terminate', 'Done'].includes(progress.step) ? -Infinity : Infinity
    },
    rollBack: () => codedeploy.stopDeployment({ deploymentId, autoRollbackEnabled: true }),
    ending() {
      const { status, error } = its()
      return `${status}${error === undefined ? '' : `: ${error.message}`}`
    },
  }
}

async function beginService({ api, store }: World, arn: string): Promise<Watched> {
  const { ecs } = api
  const { clusterArn, name } = store.read().services.get(arn)!
  await ecs.updateService({ cluster: clusterArn, service: name, forceNewDeployment: true })
  const last = [...store.read().serviceDeployments.values()].findLast(({ serviceArn }) => serviceArn === arn)
  if (last === undefined) throw new Impossible('INVALID_ECS_SERVICE', `The service ${name} was not deployed.`)
  const serviceDeploymentArn = last.arn
  const its = () => store.read().serviceDeployments.get(serviceDeploymentArn)!
  const pause = () => its().hookRuns.find(({ status }) => status === 'AWAITING_ACTION')
  return {
    status: () => (isFinal(its()) ? 'over' : pause() ? 'waits' : 'runs'),
    goOn: () => ecs.continueServiceDeployment({ serviceDeploymentArn, hookId: pause()!.id }),
    oldGoesAt() {
      const { progress, settings } = its()
      if (progress?.stage === 'BAKE_TIME') return progress.since + settings.bakeMinutes * minuteMs
      return progress?.stage === 'CLEAN_UP' ? -Infinity : Infinity
    },
    rollBack: () => ecs.stopServiceDeployment({ serviceDeploymentArn, stopType: 'ROLLBACK' }),
    ending() {
      const { status, statusReason } = its()
      return `${status}${statusReason === undefined ? '' : `: ${statusReason}`}`
    },
  }
}

function primaryOf(state: State, arnEnd: string) {
  const service = [...state.services.values()].find(({ arn }) => arn.endsWith(arnEnd))!
  return taskSetsOf(state, service.arn).find(({ status }) => status === 'PRIMARY')!
}

function unbalanced(): never {
  throw new Impossible('INVALID_ECS_SERVICE', 'The primary task set has no load balancer.')
}
