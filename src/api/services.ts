import type { LoadedService, Service } from './call.ts'
import type { FormNode } from './form.ts'

/** The services that a server answers for; each is loaded at its first request. */
export class Services {
  readonly #services: readonly Service[]
  readonly #loaded = new Map<Service, Promise<LoadedService>>()

  constructor(services: readonly Service[]) {
    this.#services = services
  }

  get signingNames(): readonly string[] {
    return this.#services.map(service => service.signingName)
  }

  bySigningName(name: string | undefined): Service | undefined {
    return this.#services.find(service => service.signingName === name)
  }

  /** `AmazonEC2ContainerServiceV20141113`, of a request in JSON. */
  byTargetPrefix(prefix: string): Service | undefined {
    return this.#services.find(service => service.targetPrefix === prefix)
  }

  /** For a request that is scoped to no service of ours: by Version, else by Action where only one service has it. */
  byForm(form: FormNode): Service | undefined {
    const action = form.members.get('Action')?.text ?? ''
    const version = form.members.get('Version')?.text
    const having = this.#services.filter(service => service.protocol !== 'json' && service.actionNames.includes(action))
    return having.find(service => service.version === version) ?? (having.length === 1 ? having[0] : undefined)
  }

  /** A load that failed is tried again at the next request. */
  load(service: Service): Promise<LoadedService> {
    let loading = this.#loaded.get(service)
    if (loading === undefined) {
      loading = service.load()
      this.#loaded.set(service, loading)
      loading.catch(() => this.#loaded.delete(service))
    }
    return loading
  }
}
