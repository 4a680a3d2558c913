import type { Action, Service } from './call.ts'
import { checkInput } from './check-input.ts'
import type { ApiError } from './errors.ts'
import { findOperation, type Operation } from './query-protocol.ts'
import type { CallRunner } from './run-call.ts'
import type { Services } from './services.ts'

/** A call as whoever brings it says it: of which action, with what, and how it is answered. */
export interface Asked<Answer> {
  readonly service: Service
  readonly action: string
  /** What is thrown where there is no such action. */
  readonly unknown: ApiError
  decode(operation: Operation): Record<string, unknown>
  encode(operation: Operation, output: unknown): Answer
}

/** Checks a call's input and runs it as one transaction. Rejects with an `ApiError`, and then nothing has changed. */
export async function dispatch<Answer>(
  services: Services,
  calls: CallRunner,
  asked: Asked<Answer>,
  accessKeyId: string,
): Promise<Answer> {
  const { service, action } = asked
  const { schemas, actions, constraints } = await services.load(service)
  const operation = findOperation(schemas, action)
  const run = Object.hasOwn(actions, action) ? actions[action] : undefined
  if (operation === undefined || run === undefined) throw asked.unknown
  const input = asked.decode(operation)
  if (constraints !== undefined) checkInput(input, operation, constraints, service.protocol, service.invalidCode)
  const dryRun = service.protocol === 'ec2' && input.DryRun === true
  // Written before the commit, so that an output which cannot be written is a failure that changed nothing.
  const answering: Action<unknown, Answer> = (given, call) => asked.encode(operation, run(given as never, call))
  return calls.run(answering, input, accessKeyId, dryRun)
}
