import { systemClock } from '../clock.ts'
import { FakeHost } from './fake-runtime.fixture.ts'
import { taskRuntimeContract } from './runtime.contract.ts'

taskRuntimeContract('fake', async () => {
  const host = new FakeHost(systemClock)
  host.refuse = ({ entryPoint }) => (entryPoint[0] === 'server' ? undefined : `spawn ${entryPoint[0]} ENOENT`)
  return {
    server: { image: 'server', entryPoint: ['server'], command: [] },
    open: async options => host.open(options),
    async ask({ address }, _, line) {
      const task = host.running().find(({ place }) => place.address === address)
      if (task === undefined) return undefined
      const [, verb, rest = ''] = /^(\w+) ?(.*)/.exec(line) ?? []
      if (verb === 'exit') host.exit(task.spec.id, Number(rest))
      if (verb === 'print') task.output += `${rest}\n${rest} on stderr\n`
      const environment: Readonly<Record<string, string>> = {
        ...task.spec.environment,
        HOST: address,
        PORT: String(task.spec.ports[0]?.containerPort),
      }
      return verb === 'env' ? environment[rest] : task.spec.id
    },
  }
})
