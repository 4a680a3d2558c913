/** What stands beside Sluice: HAProxy, nginx, Caddy and http-proxy-3, each with one worker, all forwarding to one target. */
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Topology } from '../stage/namespaces.ts'
import { haproxyPort, haproxyTlsPort, onBalancerCore, startHaproxy } from '../stage/web.ts'

const root = join(import.meta.dirname, '../..')
export interface Contestant {
  readonly name: string
  readonly process: ChildProcess
  readonly httpPort: number
  readonly httpsPort: number
}

export const sluice = 'Sluice, 1 worker'
export const haproxy = 'HAProxy, 1 thread'
export const caddy = 'Caddy, GOMAXPROCS=1'

/** Starts all of them on the topology's balancer; the target serves on port 80. `directory` has their files. */
export function startContestants({ balancer, targets }: Topology, directory: string): readonly Contestant[] {
  const target = targets[0]!.address
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const [key, certificate] = ['key', 'certificate'].map(name => join(directory, `${name}.pem`)) as [string, string]
  const start = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    balancer.start(onBalancerCore[0], [...onBalancerCore.slice(1), command, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, HOME: directory, ...env },
    })
  const haproxyProcess = startHaproxy(balancer, target, directory)
  const nginxFile = file('nginx.conf', nginxConfiguration(target, directory))
  const caddyFile = file('Caddyfile', caddyConfiguration(target, certificate, key))
  const sluiceArgs = ['up', '--workers', '1', '--no-example', '--dns-port', '0', '--no-kernel']
  const proxies = [
    {
      name: 'nginx, 1 worker',
      process: start('nginx', ['-c', nginxFile, '-g', 'daemon off;']),
      httpPort: 6100,
      httpsPort: 6101,
    },
    { name: haproxy, process: haproxyProcess, httpPort: haproxyPort, httpsPort: haproxyTlsPort },
    {
      name: caddy,
      process: start('caddy', ['run', '--config', caddyFile, '--adapter', 'caddyfile'], { GOMAXPROCS: '1' }),
      httpPort: 6200,
      httpsPort: 6201,
    },
    {
      name: 'http-proxy-3',
      process: start(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'http-proxy.ts'),
        ...['6300', '6301', `http://${target}:80`, key, certificate],
      ]),
      httpPort: 6300,
      httpsPort: 6301,
    },
    {
      name: sluice,
      process: start(join(root, 'bin/sluice'), [...sluiceArgs, '--data-dir', join(directory, 'sluice')]),
      httpPort: 6400,
      httpsPort: 6401,
    },
  ]
  balancer.run(process.execPath, join(import.meta.dirname, 'set-up.ts'), '6400', '6401', target)
  return proxies
}

function nginxConfiguration(target: string, directory: string): string {
  return `worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
events { worker_connections 18000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  upstream web { server ${target}:80; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 10.9.0.1:6100 backlog=8192;
    listen 10.9.0.1:6101 ssl backlog=8192;
    ssl_certificate ${directory}/certificate.pem; ssl_certificate_key ${directory}/key.pem;
    location / {
      proxy_pass http://web; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}`
}

function caddyConfiguration(target: string, certificate: string, key: string): string {
  return `{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
http://10.9.0.1:6200 {
  reverse_proxy ${target}:80
}
https://:6201 {
  bind 10.9.0.1
  tls ${certificate} ${key}
  reverse_proxy ${target}:80
}
`
}
