/** What a start without this or that privilege says, in one line, and that all else works. */
import assert from 'node:assert/strict'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacking } from '../lacking.ts'
import { Network } from './network.ts'
import { has, startSluice, until } from './sluice.ts'
import { Flows, startTarget } from './targets.ts'

const nobody = 65_534
const userspace = "so everything is served in userspace: targets don't see the client's address"

for (const { who, under, says, engine } of [
  {
    who: 'a user who is not root',
    under: ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'],
    says: `the kernel engine needs root, or CAP_NET_ADMIN and CAP_NET_RAW, ${userspace}`,
    engine: 'userspace',
  },
  {
    who: 'root without CAP_NET_ADMIN, as in a container',
    under: ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'],
    says: `the kernel engine needs root, or CAP_NET_ADMIN and CAP_NET_RAW, ${userspace}`,
    engine: 'userspace',
  },
  {
    who: 'a Node.js without node:ffi',
    under: ['env', 'NODE_OPTIONS=--no-experimental-ffi'],
    says: `the kernel engine needs Linux, and a Node.js with node:ffi, ${userspace}`,
    engine: 'userspace',
  },
  {
    who: 'root without CAP_NET_RAW',
    under: ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'],
    says: 'kernel: no raw socket (CAP_NET_RAW): idle connections learn of their end late',
    engine: 'kernel',
  },
] as const) {
  test(`${who} is told in one line what is lost, and the rest works`, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    if (!has('setpriv')) return lacking(t, 'setpriv (Debian: util-linux)')
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-test-'))
    chownSync(dataDir, nobody, nobody)
    const sluice = await startSluice(t, { dataDir, under })
    t.after(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }))
    const network = new Network(sluice.url)
    const target = await startTarget(t, '127.66.9.1', 9000)

    const home = { VpcId: (await network.subnet()).vpcId }
    const atHome = await network.loadBalancer()

    // On the address that everybody has, and on one that a load balancer of a subnet elsewhere gets.
    const { Vpc } = await network.ec2.createVpc({ CidrBlock: '10.50.0.0/16' })
    const VpcId = String(Vpc?.VpcId)
    const wish = { VpcId, CidrBlock: '10.50.0.0/24', AvailabilityZone: 'local-1a' }
    const { Subnet } = await network.ec2.createSubnet(wish)
    const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer({
      Name: 'elsewhere',
      Type: 'network',
      Subnets: [String(Subnet?.SubnetId)],
    })
    const elsewhere = String(LoadBalancers[0]?.LoadBalancerArn)
    for (const [loadBalancer, its] of [
      [atHome, home],
      [elsewhere, { VpcId }],
    ] as const) {
      const group = await network.targetGroup('UDP', [], {}, its)
      await network.elbv2.registerTargets({
        TargetGroupArn: group,
        Targets: [
          { Id: target.address, Port: target.port, ...(loadBalancer === elsewhere ? { AvailabilityZone: 'all' } : {}) },
        ],
      })
      await network.listener(loadBalancer, 'UDP', 26_900, { [group]: 1 })
    }
    const listeners = await until('both are in place', async () => {
      const { listeners } = await sluice.status()
      return listeners.length === 2 && listeners.every(its => its.engine !== undefined) ? listeners : undefined
    })
    const addresses = listeners.flatMap(its => its.addresses)
    for (const address of addresses) {
      const flows = await Flows.open(t, 1, address, 26_900)
      await until(`${address} answers`, () => {
        flows.sendAll()
        return flows.lastFrom()[0] === target.address
      })
    }
    // The other one's target is on loopback, which the kernel takes from loopback only.
    const [atLoopback] = listeners.filter(its => its.addresses.includes('127.0.0.1'))
    assert.equal(atLoopback?.engine, engine)
    const lines = sluice
      .output()
      .split('\n')
      .filter(line => / (engine|node|control|sluice): /.test(line))
    assert.deepEqual(
      lines.map(line => line.replace(/^\S+ engine: /, '')),
      [says],
    )
    assert.equal(await sluice.stop('SIGINT'), 0)
  })
}
