/** S1 between hosts: a client, a balancer that runs Sluice in its kernel, and targets that see the client itself. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cliDriver, sdkDriver } from './drivers.ts'
import { hostTest, type Line, onBalancer, type Running, talker, witness } from './hosts.ts'
import { netcatOn } from './netcat.ts'
import { port, S1Network } from './s1-network.ts'
import { startSluice, until } from './sluice.ts'

const service = '10.9.0.1'
const client = '10.9.0.2'
const command = join(import.meta.dirname, '../../bin/sluice')

/** The words of lines that came after a time. */
const after = (lines: readonly Line[], at: number) => lines.filter(line => line.at > at).map(({ words }) => words)

hostTest(
  'S1 between hosts, with the AWS CLI: targets see the client, and its socket moves and comes back',
  ['aws'],
  async t => {
    const hosts = onBalancer(t, 2)
    const sluice = await startSluice(t)
    const aws = cliDriver(sluice.url)
    const network = await S1Network.create(aws, 2)

    // S1.9: the load balancer's group admits nobody yet. S1.10: the targets' one admits the service and the check, from it.
    const balancing = await network.securityGroup('balancer', {})
    const fromBalancer = { UserIdGroupPairs: [{ GroupId: balancing }] }
    const targets = await network.securityGroup('targets', { udp: fromBalancer, tcp: fromBalancer })
    const loadBalancer = await network.loadBalancer(0, balancing)
    const instances = await Promise.all(
      hosts.targets.map(({ address }, n) => network.instance(1 + n, address, targets)),
    )
    const group = await network.targetGroup('UDP', 'instance', instances)
    const services = hosts.targets.map(host => witness(host, port))
    await until('the services listen', () => services.every(each => each.of('READY').length > 0))
    await network.listener(loadBalancer, 'UDP', group)
    await network.allHealthy(group)
    const listening = performance.now()

    const status = async () => {
      const { listeners, securityGroups } = await sluice.status()
      const [listener] = listeners
      const states = Object.fromEntries(listener?.targets.map(({ id, state }) => [id, state]) ?? [])
      return { listener, securityGroups, states }
    }
    const { listener } = await status()
    assert.deepEqual([listener?.engine, listener?.addresses, listener?.problems], ['kernel', [service], []])

    // S1.7 and S1.9: one socket sends; nobody is admitted, so what it sends is dropped and counted.
    const talking = talker(hosts.client, 'UDP', 5555, service, port, 20)
    await until('drops are counted', async () => Number((await status()).listener?.drops['security-group']) >= 10)
    assert.deepEqual(
      services.flatMap(each => each.of('UDP')),
      [],
    )
    const rule = { IpProtocol: 'udp', FromPort: port, ToPort: port, IpRanges: [{ CidrIp: '10.9.0.0/24' }] }
    await aws('ec2', 'AuthorizeSecurityGroupIngress', { GroupId: balancing, IpPermissions: [rule] })
    const first = await until('it arrives', () => services.findIndex(each => each.of('UDP').length > 20) + 1)
    const [here, there] = first === 1 ? [0, 1] : [1, 0]
    const [from, to] = [services[here], services[there]] as [Running, Running]
    assert.equal(to.of('UDP').length, 0, 'one socket is one flow, at one target')

    // S1.8, there and back: the health service dies, the target becomes unhealthy, and within a second all goes to the other.
    const moves = async (source: Running, id: string, destination: Running) => {
      source.kill('SIGUSR2')
      const unhealthyAt = await until('the target is unhealthy', async () => {
        return (await status()).states[id] === 'unhealthy' ? performance.now() : undefined
      })
      await until('the other one gets it', () => after(destination.of('UDP'), unhealthyAt).length > 50, 3_000)
      assert.deepEqual(after(source.of('UDP'), unhealthyAt + 1_000), [])
      assert.equal((await network.health(group))[id], 'unhealthy Target.FailedHealthChecks')
      source.kill('SIGUSR2')
      await network.allHealthy(group)
    }
    await moves(from, String(instances[here]), to)
    assert.deepEqual(after(from.of('UDP'), to.of('UDP')[0]?.at ?? 0), [], 'a flow stays where it has moved')
    await moves(to, String(instances[there]), from)
    const answeredBy = (name: string) => talking.of('GOT').filter(({ words }) => words[1] === name)
    await until(
      'answers come from there again',
      () => answeredBy(hosts.targets[here]?.name ?? '').at(-1)?.at === talking.of('GOT').at(-1)?.at,
    )

    // S1.3, and the reply's way: each target sees the client's own address and port; the client hears the load balancer alone.
    const seen = new Set(services.flatMap(each => each.of('UDP')).map(({ words }) => words.slice(1, 3).join(' ')))
    assert.deepEqual([...seen], [`${client} 5555`])
    const heard = new Set(talking.of('GOT').map(({ words }) => words.slice(3).join(' ')))
    assert.deepEqual([...heard], [`from ${service} ${port}`])
    // The services never stopped: of what was admitted nothing is lost, and nothing arrives twice.
    talking.kill()
    const numbers = services
      .flatMap(each => each.of('UDP'))
      .map(({ words }) => Number(words[3]))
      .sort((a, b) => a - b)
    const [lowest = 0] = numbers
    assert.deepEqual(
      numbers,
      numbers.map((_, n) => lowest + n),
    )
    t.diagnostic(`${numbers.length} datagrams of one socket, which moved to the other target and back; none lost`)

    // S1.6: checks come from the load balancer's own address.
    for (const each of services) {
      const checkers = new Set(after(each.of('OPEN'), listening).map(([, address]) => address))
      assert.deepEqual([...checkers], [service])
    }

    // S1.10: whoever asks a target directly is dropped, and counted.
    const dropped = async () => (await status()).securityGroups.find(({ id }) => id === targets)
    const direct = (['UDP', 'TCP'] as const).map(protocol =>
      talker(hosts.client, protocol, 5556, String(hosts.targets[0]?.address), port, 20),
    )
    await until('that is counted', async () => Number((await dropped())?.dropped) > 20)
    assert.deepEqual((await dropped())?.instances, [instances[0]])
    for (const each of direct) each.kill()
    const strangers = services.flatMap(each => each.lines.filter(({ words }) => words[2] === '5556'))
    assert.deepEqual(strangers, [])

    // S1.9: the group is replaced by one that admits nobody: a new flow is dropped, the established one goes on.
    const established = talker(hosts.client, 'UDP', 5557, service, port, 20)
    await until('it is established', () => established.of('GOT').length > 5)
    const nobody = await network.securityGroup('nobody', {})
    await aws('elbv2', 'SetSecurityGroups', { LoadBalancerArn: loadBalancer, SecurityGroups: [nobody] })
    const late = talker(hosts.client, 'UDP', 5558, service, port, 20)
    await until('it talks in vain', () => late.of('SENT').length > 25)
    assert.equal(late.of('GOT').length, 0)
    const lastSent = Number(established.of('SENT').at(-1)?.words[1])
    await until('its last datagram is answered', () => Number(established.of('GOT').at(-1)?.words[2]) >= lastSent)
  },
)

hostTest('S1 as its article tells it, with nc on every host', ['aws', 'nc'], async t => {
  const hosts = onBalancer(t, 2)
  const sluice = await startSluice(t)
  const network = await S1Network.create(cliDriver(sluice.url), 2)
  const balancing = await network.securityGroup('balancer', { udp: { IpRanges: [{ CidrIp: '0.0.0.0/0' }] } })
  const loadBalancer = await network.loadBalancer(0, balancing)
  const nc = hosts.targets.map(host => ({
    address: host.address,
    service: netcatOn(t, host, '-ulkv', String(port)),
    health: netcatOn(t, host, '-klvn', String(port)),
  }))
  const group = await network.targetGroup(
    'UDP',
    'ip',
    nc.map(({ address }) => address),
  )
  await network.listener(loadBalancer, 'UDP', group)
  await network.allHealthy(group)
  await until('both are checked from the load balancer’s address', () =>
    nc.every(({ health }) => health.notes.includes(`Connection received on ${service} `)),
  )

  const sender = netcatOn(t, hosts.client, '-u', service, String(port))
  const typed = async (text: string) => {
    sender.send(text)
    return until(`'${text}' arrives`, () => nc.find(({ service }) => service.lines.includes(text)), 2_000)
  }
  const one = await typed('hello')
  assert.equal(await typed('again'), one)
  await one.health.kill()
  await until('it is unhealthy', async () => (await network.health(group))[one.address]?.startsWith('unhealthy'))
  assert.notEqual(await typed('still there?'), one)
})

hostTest('explain says where packets of a new flow go, by the client’s own port, UDP and TCP', [], async t => {
  const hosts = onBalancer(t, 3)
  const sluice = await startSluice(t)
  const network = await S1Network.create(sdkDriver(sluice.url), 3)
  const anyone = { IpRanges: [{ CidrIp: '10.9.0.0/24' }] }
  const balancing = await network.securityGroup('balancer', { udp: anyone, tcp: anyone })
  const loadBalancer = await network.loadBalancer(0, balancing)
  for (const host of hosts.targets) witness(host, port, host.address)
  const group = await network.targetGroup(
    'TCP_UDP',
    'ip',
    hosts.targets.map(({ address }) => address),
  )
  await network.listener(loadBalancer, 'TCP_UDP', group)
  await network.allHealthy(group)

  const found = new Set<string | undefined>()
  for (const protocol of ['UDP', 'TCP'] as const) {
    for (const clientPort of [6001, 6002, 6003, 6004, 6005, 6006]) {
      const asked = ['explain', protocol.toLowerCase(), `${client}:${clientPort}`, `${service}:${port}`]
      const flags = ['--port', new URL(sluice.url).port]
      const { stdout } = await promisify(execFile)(command, [...asked, ...flags], { timeout: 20_000 })
      const talking = talker(hosts.client, protocol, clientPort, service, port, 50)
      const answer = await until('a target answers', () => talking.of('GOT')[0])
      talking.kill()
      assert.equal(answer.words[1], /target {4}(\S+):8080, slot/.exec(stdout)?.[1], stdout)
      found.add(answer.words[1])
    }
  }
  assert.ok(found.size > 1, 'twelve flows and one target would prove little')
})
