/** A service of ECS's own controllers behind a load balancer, and the load that asks it. */
import type { TestContext } from 'node:test'
import type { CreateServiceRequest, Service } from '@aws-sdk/client-ecs'
import { type Clients, productionPort, servicePort, setUpBalancer, startWithTasks } from './blue-green.ts'
import { Load } from './load.ts'
import { until } from './sluice.ts'

/** A Sluice that runs tasks as processes, with all of `setUpBalancer`. */
export async function ecsStage(
  t: TestContext,
  flags: readonly string[] = [],
  wishes?: Parameters<typeof setUpBalancer>[1],
) {
  const { sluice, clients } = await startWithTasks(t, flags)
  const balancer = await setUpBalancer(clients, wishes)
  return {
    sluice,
    clients,
    ...clients,
    ...balancer,
    /** New flows and flows that stay, which ask production. */
    async ask(): Promise<Load> {
      const load = await Load.start({ address: balancer.address, port: productionPort, rates: [50, 50, 200] })
      t.after(() => load.kill())
      return load
    },
  }
}

/** The service `shop`, with its tasks in this group where it is given. */
export async function createService(
  { ecs }: Pick<Clients, 'ecs'>,
  wishes: Partial<CreateServiceRequest>,
  targetGroupArn?: string,
): Promise<void> {
  await ecs.createService({
    serviceName: 'shop',
    desiredCount: 2,
    ...wishes,
    ...(targetGroupArn !== undefined && { loadBalancers: [inGroup(targetGroupArn)] }),
  })
}

/** The tasks' container and port in a target group, as services and task sets name it. */
export function inGroup(targetGroupArn: string) {
  return { targetGroupArn, containerName: 'shop', containerPort: servicePort }
}

/** Waits until the service `shop` is so, and answers how it is. */
export async function untilService(
  { ecs }: Pick<Clients, 'ecs'>,
  what: string,
  isSo: (service: Service) => boolean,
): Promise<Service> {
  return await until(what, async () => {
    const { services = [] } = await ecs.describeServices({ services: ['shop'] })
    return services.find(isSo)
  })
}
