import { emptyState, type State, type TableName, type Tables, tableNames } from './domain/state.ts'
import type { Task } from './domain/task.ts'
import type { ContainerDefinition, TaskDefinition } from './domain/task-definition.ts'

/**
 * All that was asked of a Sluice, as JSON, for whoever judges it or rehearses with it elsewhere. What must not leave the server is not in it:
 * private keys, cookies' secrets, and how programs are started, whose environments and arguments may hold passwords.
 */
export interface Design {
  readonly revision: number
  /** Records under their keys, in the tables' order. */
  readonly tables: { readonly [K in TableName]: readonly (readonly [key: string, record: Tables[K]])[] }
}

/** The design that a state is. */
export function designOf(state: State): Design {
  const withheld: State = {
    ...state,
    certificates: each(state.certificates, its => ({ ...its, privateKey: '' })),
    certificateAuthorities: each(state.certificateAuthorities, its => ({ ...its, privateKey: '' })),
    loadBalancers: each(state.loadBalancers, ({ secret, ...its }) => its),
    taskDefinitions: each(state.taskDefinitions, withoutPrograms),
    tasks: each(state.tasks, withoutOverrides),
  }
  const tables = Object.fromEntries(tableNames.map(name => [name, [...withheld[name]]]))
  return { revision: state.revision, tables: tables as unknown as Design['tables'] }
}

/** The state that a design is of; tables that it does not have are empty. */
export function stateOf({ revision, tables }: Design): State {
  const present = tableNames.filter(name => tables[name] !== undefined)
  return {
    ...emptyState,
    ...Object.fromEntries(present.map(name => [name, new Map<string, unknown>(tables[name])])),
    revision,
  }
}

function each<Record>(table: ReadonlyMap<string, Record>, change: (record: Record) => Record) {
  return new Map([...table].map(([key, record]) => [key, change(record)]))
}

function withoutPrograms(definition: TaskDefinition): TaskDefinition {
  const containers = definition.containers.map(
    ({ healthCheck, ...container }): ContainerDefinition => ({
      ...container,
      entryPoint: [],
      command: [],
      environment: {},
      ...(healthCheck && { healthCheck: { ...healthCheck, command: [] } }),
    }),
  )
  return { ...definition, containers, registered: {} }
}

function withoutOverrides({ overrides, ...task }: Task): Task {
  return { ...task, recorded: {} }
}
