import type { CreateTargetGroupInput, ModifyTargetGroupInput } from '@aws-sdk/client-elastic-load-balancing-v2'
import { speaksHttp } from '../../domain/load-balancer.ts'
import type { HealthCheck, TargetGroup } from '../../domain/target-group.ts'
import { invalid, invalidConfiguration } from './resources.ts'

/** The members that CreateTargetGroup and ModifyTargetGroup share. */
type AskedHealthCheck = Pick<
  CreateTargetGroupInput & ModifyTargetGroupInput,
  | 'HealthCheckEnabled'
  | 'HealthCheckProtocol'
  | 'HealthCheckPort'
  | 'HealthCheckPath'
  | 'HealthCheckIntervalSeconds'
  | 'HealthCheckTimeoutSeconds'
  | 'HealthyThresholdCount'
  | 'UnhealthyThresholdCount'
  | 'Matcher'
>

/** What decides how a group can be checked. */
type Kind = Pick<TargetGroup, 'protocol' | 'protocolVersion' | 'targetType'>

/** What a group's health check may be, and is by default (AWS: Health checks for your target groups, of each load balancer's guide). */
interface Offer {
  readonly protocols: readonly HealthCheck['protocol'][]
  readonly protocol: HealthCheck['protocol']
  readonly path: string
  readonly matcher: string
  /** Of the codes that it may look for. */
  readonly codes: { readonly min: number; readonly max: number; readonly words: string }
  timeoutSeconds(protocol: HealthCheck['protocol']): number
  /** How much shorter than the interval the timeout must be. */
  readonly slackSeconds: number
}

const networkOffer: Offer = {
  protocols: ['HTTP', 'HTTPS', 'TCP'],
  protocol: 'TCP',
  path: '/',
  matcher: '200-399',
  codes: { min: 200, max: 599, words: 'HttpCode must be like 200 | 200-399 | 200,201 ... and within 200-599' },
  timeoutSeconds: protocol => (protocol === 'HTTP' ? 6 : 10),
  slackSeconds: 0,
}

/** For a target that is an Application Load Balancer. */
const albOffer: Offer = { ...networkOffer, protocols: ['HTTP', 'HTTPS'], protocol: 'HTTP', timeoutSeconds: () => 6 }

const applicationOffer: Offer = {
  protocols: ['HTTP', 'HTTPS'],
  protocol: 'HTTP',
  path: '/',
  matcher: '200',
  codes: { min: 200, max: 499, words: 'HttpCode must be like 200 | 200-399 | 200,201 ... and within 200-499' },
  timeoutSeconds: () => 5,
  slackSeconds: 1,
}

const grpcOffer: Offer = {
  ...applicationOffer,
  path: '/AWS.ALB/healthcheck',
  matcher: '12',
  codes: { min: 0, max: 99, words: 'GrpcCode must be like 0 | 0-99 | 0,12 ... and within 0-99' },
}

function offerFor(kind: Kind): Offer {
  if (kind.targetType === 'alb') return albOffer
  if (!speaksHttp(kind)) return networkOffer
  return kind.protocolVersion === 'GRPC' ? grpcOffer : applicationOffer
}

/**
 * The health check that a request asks for: its own members, else those of `before`, else AWS's defaults for groups of this kind.
 * Throws for what it cannot be.
 */
export function healthCheckOf(asked: AskedHealthCheck, kind: Kind, before?: HealthCheck): HealthCheck {
  // Terraform's provider says '' for none.
  const path = asked.HealthCheckPath || undefined
  const httpCode = asked.Matcher?.HttpCode || undefined
  const grpcCode = asked.Matcher?.GrpcCode || undefined
  if (asked.HealthCheckEnabled === false) {
    throw invalid(`Health check enabled must be true for target groups with target type '${kind.targetType}'`)
  }
  const offer = offerFor(kind)
  const protocol = checkProtocol(asked.HealthCheckProtocol ?? before?.protocol ?? offer.protocol, offer)
  if (protocol === 'TCP') {
    if (path !== undefined) {
      throw invalidConfiguration('Health check paths are not supported for TCP health checks')
    }
    if (httpCode !== undefined) {
      throw invalidConfiguration('Health check matchers are not supported for TCP health checks')
    }
  }
  const isGrpc = kind.protocolVersion === 'GRPC'
  if (!isGrpc && grpcCode !== undefined) {
    throw invalidConfiguration("GRPC matchers are only supported for target groups with the protocol version 'GRPC'")
  }
  if (isGrpc && httpCode !== undefined) {
    throw invalidConfiguration("HTTP matchers are not supported for target groups with the protocol version 'GRPC'")
  }
  const intervalSeconds = asked.HealthCheckIntervalSeconds ?? before?.intervalSeconds ?? 30
  // The default bends to an interval that is shorter than it; a timeout that was asked for does not.
  const longest = intervalSeconds - offer.slackSeconds
  const defaultTimeout = Math.min(offer.timeoutSeconds(protocol), longest)
  const timeoutSeconds = asked.HealthCheckTimeoutSeconds ?? before?.timeoutSeconds ?? defaultTimeout
  if (timeoutSeconds > longest) {
    const relation = offer.slackSeconds === 0 ? 'smaller than or equal to' : 'smaller than'
    throw invalid(`Health check timeout '${timeoutSeconds}' must be ${relation} the interval '${intervalSeconds}'`)
  }
  return {
    protocol,
    port: checkPort(asked.HealthCheckPort ?? before?.port ?? 'traffic-port'),
    path: checkPath(path ?? before?.path ?? offer.path),
    intervalSeconds,
    timeoutSeconds,
    healthyThresholdCount: asked.HealthyThresholdCount ?? before?.healthyThresholdCount ?? 5,
    unhealthyThresholdCount: asked.UnhealthyThresholdCount ?? before?.unhealthyThresholdCount ?? 2,
    matcher: checkMatcher(httpCode ?? grpcCode ?? before?.matcher ?? offer.matcher, offer),
  }
}

/** A health check cannot be UDP, which is one-way: the target would have nothing to answer. */
function checkProtocol(asked: string, { protocols }: Offer): HealthCheck['protocol'] {
  const protocol = protocols.find(each => each === asked)
  if (protocol !== undefined) return protocol
  throw invalid(`Health check protocol '${asked}' must be one of '${protocols.join(', ')}'`)
}

function checkPort(port: string): string {
  if (port === 'traffic-port' || (/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535)) return port
  throw invalid(`Health check port '${port}' must be 'traffic-port' or a number between 1 and 65535`)
}

function checkPath(path: string): string {
  if (!path.startsWith('/')) throw invalid(`Health check path '${path}' must begin with a '/' character`)
  if (!/^[\x21-\x7e]+$/.test(path)) {
    throw invalid(`Health check path '${path}' can only contain printable ASCII characters without spaces`)
  }
  return path
}

/** Codes and ranges of them, with commas between: `200-299,401`. */
function checkMatcher(matcher: string, { codes }: Offer): string {
  const good = matcher.split(',').every(part => {
    const [, from, to = from] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part) ?? []
    return from !== undefined && Number(from) >= codes.min && Number(to) <= codes.max && Number(from) <= Number(to)
  })
  if (!good) throw invalid(codes.words)
  return matcher
}
