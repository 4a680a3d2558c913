/** Sets up Sluice's part of the layer-7 benchmark through its API: HTTP-PORT HTTPS-PORT TARGET... */
import { connectApi, setUpLoadBalancer } from '../stage/application-load-balancer.ts'

const [httpPort, httpsPort, ...targets] = process.argv.slice(2)
await setUpLoadBalancer(connectApi(), { httpPort: Number(httpPort), httpsPort: Number(httpsPort), targets })
