import type { RegisterTaskDefinitionRequest, ContainerDefinition as SdkContainer } from '@aws-sdk/client-ecs'
import type { ContainerDefinition } from '../../domain/task-definition.ts'
import { ApiError } from '../errors.ts'

/** What is to run, of a RegisterTaskDefinition's input; throws ClientException for what cannot be. */
export function containersIn(input: RegisterTaskDefinitionRequest): readonly ContainerDefinition[] {
  const definitions = input.containerDefinitions ?? []
  if (definitions.length === 0) throw refused('Container list cannot be empty.')
  const names = new Set(definitions.map(({ name }) => name))
  if (names.size < definitions.length) throw refused('Container names must be unique within a task definition.')
  if (definitions.every(({ essential }) => essential === false)) {
    throw refused('A task definition must have at least one essential container.')
  }
  return definitions.map(definition => containerIn(definition, input.networkMode))
}

function containerIn(definition: SdkContainer, networkMode: string | undefined): ContainerDefinition {
  const { name = '', image = '', healthCheck } = definition
  if (name === '') throw refused('Container.name should not be null or empty.')
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name)) throw refused(`Invalid name '${name}' for container.`)
  if (image === '') throw refused('Container.image should not be null or empty.')
  const mapped = (definition.portMappings ?? []).filter(mapping => mapping.containerPortRange === undefined)
  for (const { containerPort = 0, hostPort = 0 } of mapped) {
    if (containerPort < 1 || containerPort > 65_535)
      throw refused(`Invalid 'containerPort' setting for container '${name}'.`)
    if (networkMode === 'awsvpc' && hostPort !== 0 && hostPort !== containerPort)
      throw refused('When networkMode=awsvpc, the host ports and container ports in port mappings must match.')
  }
  if (healthCheck !== undefined && !healthCheck.command?.length) {
    throw refused(`Health check command of container '${name}' should not be null or empty.`)
  }
  const withheld = (['secrets', 'environmentFiles'] as const).filter(member => definition[member]?.length)
  return {
    name,
    image,
    entryPoint: definition.entryPoint ?? [],
    command: definition.command ?? [],
    ...(definition.workingDirectory ? { workingDirectory: definition.workingDirectory } : {}),
    environment: environmentIn(definition.environment),
    ...(withheld.length > 0 ? { withheld } : {}),
    portMappings: mapped.map(({ containerPort = 0, protocol = 'tcp' }) => ({ containerPort, protocol })),
    stopTimeoutMs: (definition.stopTimeout ?? 30) * 1000,
    // Docker: `NONE` switches the image's own check off, which is not looked at here anyway.
    ...(healthCheck?.command && healthCheck.command[0] !== 'NONE'
      ? {
          healthCheck: {
            command: healthCheck.command,
            intervalSeconds: healthCheck.interval ?? 30,
            timeoutSeconds: healthCheck.timeout ?? 5,
            retries: healthCheck.retries ?? 3,
            startPeriodSeconds: healthCheck.startPeriod ?? 0,
          },
        }
      : {}),
  }
}

/** Of a container definition, or of an override of one. */
export function environmentIn(environment: SdkContainer['environment']): Readonly<Record<string, string>> {
  return Object.fromEntries((environment ?? []).map(({ name = '', value = '' }) => [name, value]))
}

/** A container definition as DescribeTaskDefinition gives it back: with what was left out. */
export function withDefaults(definition: SdkContainer, { networkMode }: RegisterTaskDefinitionRequest): SdkContainer {
  const hasHostPorts = networkMode === 'awsvpc' || networkMode === 'host'
  return {
    cpu: 0,
    essential: true,
    environment: [],
    mountPoints: [],
    volumesFrom: [],
    systemControls: [],
    ...definition,
    portMappings: (definition.portMappings ?? []).map(mapping => ({
      protocol: 'tcp',
      ...mapping,
      ...(mapping.containerPortRange === undefined
        ? { hostPort: mapping.hostPort ?? (hasHostPorts ? mapping.containerPort : 0) }
        : {}),
    })),
  }
}

function refused(message: string): ApiError {
  return new ApiError('ClientException', message)
}
