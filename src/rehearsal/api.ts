import type { CodeDeploy } from '@aws-sdk/client-codedeploy'
import type { ECS } from '@aws-sdk/client-ecs'
import type { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Service } from '../api/call.ts'
import { codedeploy } from '../api/codedeploy/service.ts'
import { dispatch } from '../api/dispatch.ts'
import { ecs } from '../api/ecs/service.ts'
import { elbv2 } from '../api/elbv2/service.ts'
import { commonErrors } from '../api/errors.ts'
import { type CallContext, CallRunner } from '../api/run-call.ts'
import { Services } from '../api/services.ts'

/** The API as the SDK's clients have it, `api.ecs.createService({...})`, without a socket or a signature between. */
export interface Api {
  readonly elbv2: ElasticLoadBalancingV2
  readonly ecs: ECS
  readonly codedeploy: CodeDeploy
}

/** Loaded once for all rehearsals of a process. */
const services = new Services([elbv2, ecs, codedeploy])

/** Calls reject with the server's `ApiError`, whose message is AWS's. */
export function apiOf(context: CallContext): Api {
  const calls = new CallRunner(context)
  const client = <Client>(service: Service): Client => {
    const call = (method: string, input: Record<string, unknown>) => {
      const action = method[0]!.toUpperCase() + method.slice(1)
      const unknown = commonErrors.unknownOperation(action)
      const asked = { service, action, unknown, decode: () => input, encode: (_: unknown, output: unknown) => output }
      return dispatch(services, calls, asked, 'test')
    }
    // The SDK's client has a method for each action.
    return new Proxy(
      {},
      {
        get:
          (_, method) =>
          (input = {}) =>
            call(String(method), input),
      },
    ) as Client
  }
  return { elbv2: client(elbv2), ecs: client(ecs), codedeploy: client(codedeploy) }
}
