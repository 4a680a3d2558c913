import { parse, YAMLParseError } from 'yaml'
import { type AppSpec, type HookEvent, hookEvents } from '../../domain/code-deploy.ts'
import { ApiError } from '../errors.ts'

/**
 * Reads an AppSpec for ECS, YAML or JSON, which is YAML too. Keys are found whatever their case is, as AWS's own tools write
 * both `Resources` and `resources`. Throws InvalidRevisionException (AWS: AppSpec 'resources' section, 'hooks' section).
 */
export function parseAppSpec(text: string): AppSpec {
  const spec = fieldsOf(parseYaml(text), 'it')
  const version = member(spec, 'version')
  if (version !== 0 && version !== '0.0') throw invalid("its version must be '0.0'")
  const properties = propertiesIn(member(spec, 'Resources'))
  const taskDefinitionArn = nonEmpty(member(properties, 'TaskDefinition'), 'TaskDefinition')
  if (!/^arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d+:task-definition\/[\w-]+:\d+$/.test(taskDefinitionArn)) {
    throw invalid(`TaskDefinition must be the ARN of a task definition with its revision, not '${taskDefinitionArn}'`)
  }
  const loadBalancer = fieldsOf(member(properties, 'LoadBalancerInfo'), 'LoadBalancerInfo')
  const platformVersion = member(properties, 'PlatformVersion')
  const network = member(properties, 'NetworkConfiguration')
  return {
    taskDefinitionArn,
    containerName: nonEmpty(member(loadBalancer, 'ContainerName'), 'ContainerName'),
    containerPort: portIn(member(loadBalancer, 'ContainerPort')),
    ...(platformVersion != null && { platformVersion: nonEmpty(platformVersion, 'PlatformVersion') }),
    ...(network != null && { networkConfiguration: networkIn(network) }),
    hooks: hooksIn(member(spec, 'Hooks')),
  }
}

/** An AppSpec that cannot be deployed, and why. */
export function invalid(why: string): ApiError {
  return new ApiError(
    'InvalidRevisionException',
    `The AppSpec file that specifies the deployment configuration is missing or has an invalid configuration: ${why}`,
  )
}

type Fields = Readonly<Record<string, unknown>>

/** Far more than an AppSpec needs; what the parser does with keys and aliases takes the square of their number. */
const longestText = 32_768

function parseYaml(text: string): unknown {
  if (text.length > longestText) throw invalid(`it has more than ${longestText} characters`)
  try {
    // What it only warns of it would print to the operator's terminal; the checks that follow judge it.
    return parse(text, { logLevel: 'error' })
  } catch (error) {
    const isTooDeep =
      error instanceof RangeError || (error instanceof YAMLParseError && error.code === 'RESOURCE_EXHAUSTION')
    throw invalid(
      isTooDeep ? 'it is nested too deeply' : ((error as Error).message.split('\n')[0]?.replace(/:$/, '') ?? ''),
    )
  }
}

function propertiesIn(resources: unknown): Fields {
  const [resource = {}, ...more] = Array.isArray(resources) ? resources : []
  const [only, ...others] = Object.entries(fieldsOf(resource, 'the resource'))
  if (only === undefined || more.length > 0 || others.length > 0) {
    throw invalid('Resources must be a list of exactly one resource')
  }
  const [name, described] = only
  const fields = fieldsOf(described, `the resource ${name}`)
  if (member(fields, 'Type') !== 'AWS::ECS::Service')
    throw invalid(`the resource ${name} must be of Type AWS::ECS::Service`)
  return fieldsOf(member(fields, 'Properties'), 'Properties')
}

/** All three or none (AWS: AwsvpcConfiguration), in the form that ECS's API has. */
function networkIn(value: unknown): unknown {
  const network = fieldsOf(
    member(fieldsOf(value, 'NetworkConfiguration'), 'AwsvpcConfiguration'),
    'AwsvpcConfiguration',
  )
  const [subnets, securityGroups] = [member(network, 'Subnets'), member(network, 'SecurityGroups')]
  const assignPublicIp = member(network, 'AssignPublicIp')
  if (
    !isTexts(subnets) ||
    !isTexts(securityGroups) ||
    (assignPublicIp !== 'ENABLED' && assignPublicIp !== 'DISABLED')
  ) {
    throw invalid('AwsvpcConfiguration must have Subnets, SecurityGroups, and AssignPublicIp ENABLED or DISABLED')
  }
  return { awsvpcConfiguration: { subnets, securityGroups, assignPublicIp } }
}

function hooksIn(value: unknown): AppSpec['hooks'] {
  if (value == null) return {}
  if (!Array.isArray(value)) throw invalid('Hooks must be a list')
  const hooks: Partial<Record<HookEvent, string>> = {}
  for (const [name, run] of value.flatMap(hook => Object.entries(fieldsOf(hook, 'a hook')))) {
    const event = hookEvents.find(known => known.toLowerCase() === name.toLowerCase())
    if (event === undefined)
      throw invalid(`'${name}' is no event that a hook can run at; these are ${hookEvents.join(', ')}`)
    if (hooks[event] !== undefined) throw invalid(`there is more than one hook for ${event}`)
    hooks[event] = nonEmpty(run, `the hook for ${event}`)
  }
  return hooks
}

function member(fields: Fields, name: string): unknown {
  const key = Object.keys(fields).find(each => each.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : fields[key]
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw invalid(`${what} must be a map of keys to values`)
}

function nonEmpty(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw invalid(`${what} must be a text`)
}

/** A number, or a text of its digits. */
function portIn(value: unknown): number {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw invalid('LoadBalancerInfo must have a ContainerPort from 1 to 65535')
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(each => typeof each === 'string')
}
