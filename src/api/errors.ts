/** An error as AWS answers it: its code, its text, its HTTP status. Nothing was changed. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  /** What it says in JSON beside its text: `resourceIds` for one. */
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, status = 400, members: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.status = status
    this.members = members
  }

  /** AWS says whose fault it is: `Sender` for 4xx, `Receiver` for 5xx. */
  get type(): 'Sender' | 'Receiver' {
    return this.status >= 500 ? 'Receiver' : 'Sender'
  }
}

/**
 * Errors that every service answers, whatever the action. Codes and statuses are those of AWS's page "Common Errors";
 * the texts are the ones that AWS's signature check and Query front end answer with.
 */
export const commonErrors = {
  /** What EC2 says instead of `InvalidClientTokenId`. */
  authFailure: () => new ApiError('AuthFailure', 'AWS was not able to validate the provided access credentials', 401),
  /** EC2's, where a call with `DryRun` would have succeeded. */
  dryRunOperation: () => new ApiError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412),
  incompleteSignature: (text: string) => new ApiError('IncompleteSignature', text),
  internalFailure: () =>
    new ApiError(
      'InternalFailure',
      'The request processing has failed because of an unknown error, exception or failure.',
      500,
    ),
  invalidClientTokenId: () =>
    new ApiError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403),
  invalidAction: (action: string, version: string, protocol: 'query' | 'ec2') =>
    new ApiError(
      'InvalidAction',
      protocol === 'ec2'
        ? `The action ${action} is not valid for this web service.`
        : `Could not find operation ${action} for version ${version}`,
    ),
  malformedQueryString: (text: string) => new ApiError('MalformedQueryString', text),
  methodNotAllowed: (method: string) =>
    new ApiError('MethodNotAllowed', `The method ${method} is not allowed here: call the API with POST.`, 405),
  missingAction: () => new ApiError('MissingAction', 'The request is missing an action or a required parameter.'),
  missingAuthenticationToken: () =>
    new ApiError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403),
  noSuchVersion: (version: string) =>
    new ApiError('NoSuchVersion', `The requested version (${version}) of service AmazonEC2 does not exist`),
  notFound: (path: string) => new ApiError('NotFound', `There is nothing at ${path}.`, 404),
  requestEntityTooLarge: (limit: number) =>
    new ApiError('RequestEntityTooLarge', `The request body is larger than ${limit} bytes.`, 413),
  serviceUnavailable: () =>
    new ApiError('ServiceUnavailable', 'The request has failed due to a temporary failure of the server.', 503),
  signatureDoesNotMatch: (text = signatureText) => new ApiError('SignatureDoesNotMatch', text, 403),
  /** What JSON services say instead of `InvalidAction`. */
  unknownOperation: (action: string) =>
    new ApiError('UnknownOperationException', `The operation '${action}' is not known to this service.`),
  unsupportedMediaType: (type: string) =>
    new ApiError(
      'UnsupportedMediaType',
      `The content type '${type}' is not supported: use application/x-www-form-urlencoded, or application/x-amz-json-1.1 with an X-Amz-Target.`,
      415,
    ),
} as const

const signatureText =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.'
