import type { CreateTargetGroupInput, ModifyTargetGroupInput } from '@aws-sdk/client-elastic-load-balancing-v2'
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

/**
 * The health check that a request asks for: its own members, else those of `before`, else AWS's defaults for Network
 * Load Balancers (AWS: Health checks for Network Load Balancer target groups). Throws for what they cannot be.
 */
export function healthCheckOf(
  asked: AskedHealthCheck,
  targetType: TargetGroup['targetType'],
  before?: HealthCheck,
): HealthCheck {
  if (asked.HealthCheckEnabled === false) {
    throw invalid(`Health check enabled must be true for target groups with target type '${targetType}'`)
  }
  const protocol = checkProtocol(asked.HealthCheckProtocol ?? before?.protocol ?? 'TCP')
  if (protocol === 'TCP') {
    if (asked.HealthCheckPath !== undefined) {
      throw invalidConfiguration('Health check paths are not supported for TCP health checks')
    }
    if (asked.Matcher?.HttpCode !== undefined) {
      throw invalidConfiguration('Health check matchers are not supported for TCP health checks')
    }
  }
  if (asked.Matcher?.GrpcCode !== undefined) {
    throw invalidConfiguration('GRPC matchers are not supported for target groups of Network Load Balancers')
  }
  const intervalSeconds = asked.HealthCheckIntervalSeconds ?? before?.intervalSeconds ?? 30
  // The default bends to an interval that is shorter than it; a timeout that was asked for does not.
  const defaultTimeout = Math.min(protocol === 'HTTP' ? 6 : 10, intervalSeconds)
  const timeoutSeconds = asked.HealthCheckTimeoutSeconds ?? before?.timeoutSeconds ?? defaultTimeout
  if (timeoutSeconds > intervalSeconds) {
    throw invalid(
      `Health check timeout '${timeoutSeconds}' must be smaller than or equal to the interval '${intervalSeconds}'`,
    )
  }
  return {
    protocol,
    port: checkPort(asked.HealthCheckPort ?? before?.port ?? 'traffic-port'),
    path: checkPath(asked.HealthCheckPath ?? before?.path ?? '/'),
    intervalSeconds,
    timeoutSeconds,
    healthyThresholdCount: asked.HealthyThresholdCount ?? before?.healthyThresholdCount ?? 5,
    unhealthyThresholdCount: asked.UnhealthyThresholdCount ?? before?.unhealthyThresholdCount ?? 2,
    matcher: checkMatcher(asked.Matcher?.HttpCode ?? before?.matcher ?? '200-399'),
  }
}

/** A health check cannot be UDP, which is one-way: the target would have nothing to answer. */
function checkProtocol(protocol: string): HealthCheck['protocol'] {
  if (protocol === 'TCP' || protocol === 'HTTP' || protocol === 'HTTPS') return protocol
  throw invalid(`Health check protocol '${protocol}' must be one of 'HTTP, HTTPS, TCP'`)
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

/** Codes and ranges of them between 200 and 599, with commas between: `200-299,401`. */
function checkMatcher(matcher: string): string {
  const good = matcher.split(',').every(part => {
    const [, from, to = from] = /^(\d{3})(?:-(\d{3}))?$/.exec(part) ?? []
    return from !== undefined && Number(from) >= 200 && Number(to) <= 599 && Number(from) <= Number(to)
  })
  if (!good) throw invalid('HttpCode must be like 200 | 200-399 | 200,201 ... and within 200-599')
  return matcher
}
