import type { FixedResponseActionConfig, Action as SdkAction } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { FixedResponse } from '../../domain/action.ts'
import { invalid, invalidAction } from './resources.ts'

const contentTypes: readonly string[] = [
  'text/html',
  'application/json',
  'application/javascript',
  'text/css',
  'text/plain',
]

/** AWS: FixedResponseActionConfig. */
export function fixedResponseIn(config: FixedResponseActionConfig | undefined): FixedResponse {
  if (config === undefined) {
    throw invalidAction(
      "For actions of type 'fixed-response', you must specify the following fields: 'FixedResponseConfig'",
    )
  }
  if (config.StatusCode === undefined) throw invalid('A status code must be specified for a fixed-response action')
  const { ContentType: contentType, MessageBody: body } = config
  if (contentType !== undefined && !contentTypes.includes(contentType)) {
    throw invalidAction(`The ContentType must be one of:${contentTypes.map(type => `'${type}'`).join(', ')}`)
  }
  return {
    type: 'fixed-response',
    statusCode: Number(config.StatusCode),
    ...(contentType === undefined ? {} : { contentType }),
    ...(body === undefined ? {} : { body }),
  }
}

export function describeFixedResponse({ statusCode, contentType, body }: FixedResponse): SdkAction {
  return {
    Type: 'fixed-response',
    FixedResponseConfig: {
      StatusCode: String(statusCode),
      ...(contentType !== undefined && { ContentType: contentType }),
      ...(body !== undefined && { MessageBody: body }),
    },
  }
}
