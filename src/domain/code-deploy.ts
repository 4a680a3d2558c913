/** CodeDeploy's nouns, of the compute platform ECS. Shapes that are only given back are kept as the API has them. */
import type { Tag } from './tag.ts'

export interface Application {
  /** UUID */
  readonly id: string
  readonly name: string
  readonly createdAt: number
  readonly tags: readonly Tag[]
}

export interface DeploymentGroup {
  /** UUID */
  readonly id: string
  readonly name: string
  readonly applicationName: string
  readonly deploymentConfigName: string
  readonly serviceRoleArn: string
  readonly clusterName: string
  readonly serviceName: string
  /** Names, as the API has them. Which one is blue follows from the primary task set. */
  readonly targetGroupPair: readonly [string, string]
  readonly productionListenerArn: string
  readonly testListenerArn?: string
  /** What happens when the replacement is ready: traffic moves at once, or it waits so long for ContinueDeployment and stops without one. */
  readonly readyOption: { readonly action: 'CONTINUE_DEPLOYMENT' | 'STOP_DEPLOYMENT'; readonly waitMinutes: number }
  readonly termination: { readonly action: 'TERMINATE' | 'KEEP_ALIVE'; readonly waitMinutes: number }
  readonly autoRollback: readonly AutoRollbackEvent[]
  readonly alarms: AlarmWatch
  /** triggerConfigurations and so on. */
  readonly recorded: Readonly<Record<string, unknown>>
  readonly createdAt: number
  readonly tags: readonly Tag[]
}

export type AutoRollbackEvent = 'DEPLOYMENT_FAILURE' | 'DEPLOYMENT_STOP_ON_ALARM' | 'DEPLOYMENT_STOP_ON_REQUEST'

export interface AlarmWatch {
  /** Empty where none are watched, or watching is switched off. */
  readonly names: readonly string[]
  readonly ignorePollAlarmFailure: boolean
}

/** How traffic moves: all at once; a first share and the rest after so long; or a share every so long. */
export type TrafficRouting =
  | { readonly type: 'AllAtOnce' }
  | { readonly type: 'TimeBasedCanary'; readonly percentage: number; readonly intervalMinutes: number }
  | { readonly type: 'TimeBasedLinear'; readonly percentage: number; readonly intervalMinutes: number }

export interface DeploymentConfig {
  /** UUID */
  readonly id: string
  readonly name: string
  readonly routing: TrafficRouting
  readonly createdAt: number
}

export const hookEvents = [
  'BeforeInstall',
  'AfterInstall',
  'AfterAllowTestTraffic',
  'BeforeAllowTraffic',
  'AfterAllowTraffic',
] as const
export type HookEvent = (typeof hookEvents)[number]

/** In order. Those of `hookEvents` are run where the AppSpec names a hook for them. */
export const lifecycleEventNames = [
  'BeforeInstall',
  'Install',
  'AfterInstall',
  'AllowTestTraffic',
  'AfterAllowTestTraffic',
  'BeforeAllowTraffic',
  'AllowTraffic',
  'AfterAllowTraffic',
] as const
export type LifecycleEventName = (typeof lifecycleEventNames)[number]

export interface LifecycleEvent {
  readonly name: LifecycleEventName
  readonly status: 'Pending' | 'InProgress' | 'Succeeded' | 'Failed' | 'Skipped'
  readonly startedAt?: number
  readonly endedAt?: number
  /** Of a failed hook: what it said. */
  readonly diagnostics?: { readonly errorCode: string; readonly message: string; readonly logTail?: string }
  /** Of a hook that runs: what PutLifecycleEventHookExecutionStatus is to name, and what it has said. */
  readonly executionId?: string
  readonly answer?: 'Succeeded' | 'Failed'
}

/** What an AppSpec for ECS says. */
export interface AppSpec {
  readonly taskDefinitionArn: string
  readonly containerName: string
  readonly containerPort: number
  readonly platformVersion?: string
  readonly networkConfiguration?: unknown
  /** Function names or ARNs, by event. */
  readonly hooks: Readonly<Partial<Record<HookEvent, string>>>
}

export interface Deployment {
  /** `d-` and nine letters or digits */
  readonly id: string
  readonly applicationName: string
  readonly deploymentGroupName: string
  readonly deploymentConfigName: string
  readonly routing: TrafficRouting
  readonly description?: string
  readonly creator: 'user' | 'codeDeployRollback'
  /** RevisionLocation as it was given; `content` is the AppSpec's text. */
  readonly revision: {
    readonly revisionType: 'AppSpecContent' | 'String'
    readonly content: string
    readonly sha256: string
  }
  readonly appSpec: AppSpec
  readonly readyOption: DeploymentGroup['readyOption']
  readonly termination: DeploymentGroup['termination']
  readonly autoRollback: readonly AutoRollbackEvent[]
  readonly alarms: AlarmWatch
  readonly status: 'Created' | 'Queued' | 'InProgress' | 'Ready' | 'Succeeded' | 'Failed' | 'Stopped'
  readonly error?: { readonly code: string; readonly message: string }
  /** Milliseconds since the epoch, as all times. */
  readonly createdAt: number
  readonly startedAt?: number
  readonly completedAt?: number
  readonly events: readonly LifecycleEvent[]
  /** Where it stands: `src/deployment/code-deploy/steps.ts`. */
  readonly progress: DeploymentProgress
  /** What callers have asked for since it began. */
  readonly asked: {
    readonly continueReady?: true
    readonly continueTermination?: true
    readonly stop?: { readonly rollback: boolean; readonly at: number }
  }
  readonly rollback?: {
    readonly deploymentId?: string
    readonly triggeringDeploymentId?: string
    readonly message?: string
  }
}

export type DeploymentStep =
  | LifecycleEventName
  /** Waits for ContinueDeployment, after AfterAllowTestTraffic. */
  | 'ReadyWait'
  /** Both run, blue gets nothing new. */
  | 'TerminationWait'
  | 'Terminate'
  /** Traffic goes back to blue, then green is taken away. */
  | 'Rollback'
  | 'Discard'
  | 'Done'

export interface DeploymentProgress {
  readonly step: DeploymentStep
  /** When it came to this step. */
  readonly since: number
  /** What it works with, fixed when it starts. */
  readonly plan?: DeploymentPlan
  /** The store's revision at which a listener was set last; nothing goes on before the node has it in place. */
  readonly awaitedRevision?: number
  /** Share of production traffic on green, per cent, as it was set last, and when. */
  readonly shifted: number
  readonly shiftedAt?: number
  /** Since when the node says that a listener of the plan is not in place; while it does. */
  readonly refusedSince?: number
  /** Since when the replacement, complete once, has fewer healthy tasks than it is to have; while it has. */
  readonly unsteadySince?: number
  /** Why it goes back or ends, once it does. */
  readonly verdict?: { readonly status: 'Failed' | 'Stopped'; readonly code: string; readonly message: string }
}

export interface DeploymentPlan {
  readonly serviceArn: string
  readonly productionListenerArn: string
  readonly testListenerArn?: string
  readonly blueTaskSetArn: string
  readonly greenTaskSetArn: string
  readonly blueTargetGroupArn: string
  readonly greenTargetGroupArn: string
  /**
   * Listeners name one group alone where it gets all, so that the other is nobody's (AWS, as the article of S2 has it): under AWS's
   * timing, unless production named both groups before.
   */
  readonly alone?: true
  /** Production named blue alone, and is given green beside it: the group with nothing is `added`. */
  readonly adds?: true
  /** Where the test listener pointed before. */
  readonly testForward?: readonly { readonly targetGroupArn: string; readonly weight: number }[]
}

export const finalStatuses: ReadonlySet<Deployment['status']> = new Set(['Succeeded', 'Failed', 'Stopped'])
