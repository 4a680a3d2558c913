import type { Action as SdkAction } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Action } from '../../domain/action.ts'
import { type ListenerProtocol, type LoadBalancer, speaksHttp } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import { ApiError } from '../errors.ts'
import { describeFixedResponse, fixedResponseIn } from './fixed-response.ts'
import { checkForward, describeForward, forwardIn } from './forward.ts'
import { checkRedirect, describeRedirect, redirectIn } from './redirect.ts'
import { invalid, invalidAction } from './resources.ts'

/** Where an action stands: in a listener of `loadBalancer`, as its default one or in a rule. */
export interface ActionPlace {
  readonly loadBalancer: LoadBalancer
  readonly port: number
  readonly protocol: ListenerProtocol
}

/**
 * The one action of a listener or a rule: forward, and for Application Load Balancers also redirect or fixed-response. Throws for
 * what it cannot be, whatever there is to forward to.
 */
export function actionIn(actions: readonly SdkAction[] | undefined, { type }: LoadBalancer): Action {
  const [action, ...more] = actions ?? []
  if (action === undefined) throw invalid('A default action must be specified')
  const unknown = actions?.find(({ Type }) => !offered.includes(Type ?? ''))
  if (unknown !== undefined && type === 'application') {
    throw invalidAction(`Action type '${unknown.Type}' is not offered here yet; specify one of '${offered.join(', ')}'`)
  }
  if (type === 'network' && action.Type !== 'forward') {
    throw invalidAction(
      `Action type '${action.Type}' is not supported on listeners of Network Load Balancers; it must be 'forward'`,
    )
  }
  if (more.length > 0) {
    throw new ApiError('TooManyActions', 'A listener or a rule must have exactly one action of these types')
  }
  const { Order = 1 } = action
  const order = Order === 1 ? {} : { order: Order }
  if (action.Type === 'redirect') return { forward: [], answer: redirectIn(action.RedirectConfig), ...order }
  if (action.Type === 'fixed-response')
    return { forward: [], answer: fixedResponseIn(action.FixedResponseConfig), ...order }
  return { ...forwardIn(action, type), ...order }
}

const offered: readonly string[] = ['forward', 'redirect', 'fixed-response']

/** Throws if a listener or a rule at this place cannot do that. */
export function checkAction(state: State, place: ActionPlace, action: Action): void {
  if (action.answer?.type === 'redirect') checkRedirect(action.answer, place)
  checkForward(state, place, action)
}

/** The action as `DefaultActions` of a listener, or `Actions` of a rule. */
export function describeAction({ protocol }: Pick<ActionPlace, 'protocol'>, action: Action): SdkAction[] {
  const { answer, order } = action
  const described =
    answer === undefined
      ? describeForward(action)
      : answer.type === 'redirect'
        ? describeRedirect(answer)
        : describeFixedResponse(answer)
  return [order !== undefined || speaksHttp({ protocol }) ? { ...described, Order: order ?? 1 } : described]
}

/** `thing` with another action. */
export function withAction<Thing extends Action>(thing: Thing, action: Action): Thing {
  const { forward, stickySeconds, disabledStickySeconds, answer, order, ...rest } = thing
  return { ...rest, ...action } as Thing
}
