/** HAProxy and nginx as they are moved from one backend to another: a new configuration and a reload. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { productionPort, servicePort } from '../../test/scenarios/blue-green.ts'
import type { Topology } from '../stage/namespaces.ts'

export interface Reloaded {
  pointTo(side: 'blue' | 'green'): void
  close(): Promise<void>
}

/** Starts the program on the balancer, pointing to blue; both sides are services on the targets. HAProxy has no UDP. */
export async function openReloaded({ balancer, targets }: Topology, program: string): Promise<Reloaded> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const file = join(directory, `${program}.conf`)
  const addresses = { blue: targets[0]!.address, green: targets[1]!.address }
  const services = (['blue', 'green'] as const).map((side, n) => {
    const service = join(import.meta.dirname, '../stage/versioned.ts')
    const env = { ...process.env, HOST: addresses[side], PORT: String(servicePort) }
    return targets[n]!.start(process.execPath, ['--disable-warning=ExperimentalWarning', service, side], {
      env,
      stdio: 'ignore',
    })
  })
  const write = (side: 'blue' | 'green') => {
    const backend = `${addresses[side]}:${servicePort}`
    writeFileSync(file, program === 'haproxy' ? haproxy(directory, backend) : nginx(directory, backend))
  }
  write('blue')
  const proxy =
    program === 'haproxy'
      ? balancer.start('haproxy', ['-W', '-db', '-S', join(directory, 'master'), '-f', file], { stdio: 'ignore' })
      : balancer.start('nginx', ['-c', file, '-g', 'daemon off;'], { stdio: 'ignore' })
  await pause(1_500)
  return {
    pointTo(side) {
      write(side)
      process.kill(proxy.pid!, program === 'haproxy' ? 'SIGUSR2' : 'SIGHUP')
    },
    async close() {
      const gone = once(proxy, 'exit')
      process.kill(proxy.pid!, 'SIGTERM')
      await gone
      for (const service of services) service.kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function haproxy(directory: string, backend: string): string {
  return `global
  nbthread 1
  maxconn 9000
  stats socket ${directory}/stats expose-fd listeners
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen shop
  bind 10.9.0.1:${productionPort} backlog 8192
  server s ${backend}
`
}

function nginx(directory: string, backend: string): string {
  return `include /etc/nginx/modules-enabled/*stream*.conf;
worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
events { worker_connections 18000; }
stream {
  server { listen 10.9.0.1:${productionPort} backlog=8192; proxy_pass ${backend}; }
  server { listen 10.9.0.1:${productionPort} udp; proxy_pass ${backend}; proxy_timeout 10s; }
}
`
}
