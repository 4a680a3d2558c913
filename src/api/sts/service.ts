import type { GetCallerIdentityResponse } from '@aws-sdk/client-sts'
import type { Call, Service } from '../call.ts'

/** Whoever calls without credentials being configured is the account's root; else each key is a user of its own. */
function GetCallerIdentity(_input: unknown, call: Call): GetCallerIdentityResponse {
  const { account, accessKeyId } = call
  return accessKeyId === 'test'
    ? { Account: account, Arn: `arn:aws:iam::${account}:root`, UserId: account }
    : { Account: account, Arn: `arn:aws:iam::${account}:user/${accessKeyId}`, UserId: accessKeyId }
}

const actions = { GetCallerIdentity }

/** AWS Security Token Service, as far as it says who calls. */
export const sts: Service = {
  signingName: 'sts',
  version: '2011-06-15',
  protocol: 'query',
  xmlNamespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
  actionNames: Object.keys(actions),
  load: async () => ({ schemas: await import('@aws-sdk/client-sts'), actions, constraints: {} }),
}
