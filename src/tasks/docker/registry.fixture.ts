/** A registry of images with one image in it, which Docker pulls from 127.0.0.1 without TLS. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

const docker = 'application/vnd.docker'

/** Serves `app:latest`, of one layer, with a command of its own; the answer is `HOST:PORT` and what closes it. */
export async function openRegistry(tar: Buffer, command: readonly string[]) {
  const layer = gzipSync(tar, { level: 1 })
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Cmd: command },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    }),
  )
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${docker}.distribution.manifest.v2+json`,
      config: { mediaType: `${docker}.container.image.v1+json`, size: config.length, digest: digestOf(config) },
      layers: [{ mediaType: `${docker}.image.rootfs.diff.tar.gzip`, size: layer.length, digest: digestOf(layer) }],
    }),
  )
  const answers = new Map([
    ['/v2/', Buffer.from('{}')],
    ['/v2/app/manifests/latest', manifest],
    [`/v2/app/manifests/${digestOf(manifest)}`, manifest],
    [`/v2/app/blobs/${digestOf(config)}`, config],
    [`/v2/app/blobs/${digestOf(layer)}`, layer],
  ])
  const server = createServer((request, response) => {
    const answer = answers.get(request.url ?? '')
    if (answer === undefined) {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
      return
    }
    if (answer === manifest) {
      response.setHeader('content-type', `${docker}.distribution.manifest.v2+json`)
      response.setHeader('docker-content-digest', digestOf(manifest))
    }
    response.setHeader('content-length', answer.length)
    response.end(request.method === 'HEAD' ? undefined : answer)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.close().closeAllConnections(),
  }
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}
