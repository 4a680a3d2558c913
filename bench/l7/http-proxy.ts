/** A proxy as Node's users write it: `http-proxy-3`, in one process. HTTP-PORT HTTPS-PORT TARGET-URL KEY CERTIFICATE */
import { readFileSync } from 'node:fs'
import { Agent, createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createProxyServer } from 'http-proxy-3'

const [httpPort, httpsPort, target = '', key = '', certificate = ''] = process.argv.slice(2)
const proxy = createProxyServer({ target, xfwd: true, agent: new Agent({ keepAlive: true, maxSockets: 256 }) })
proxy.on('error', (_error, _request, response) => response.destroy())
createServer((request, response) => void proxy.web(request, response)).listen(Number(httpPort))
createSecureServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
  void proxy.web(request, response)
}).listen(Number(httpsPort))
