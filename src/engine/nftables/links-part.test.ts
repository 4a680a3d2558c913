import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressIn, parseCidr } from '../../domain/cidr.ts'
import { anySeed, randomFrom } from '../../domain/random.fixture.ts'
import { linksPart } from './links-part.ts'

function pairsOf(...cidrs: readonly string[]): readonly (readonly [string, string])[] {
  const { elements } = linksPart(cidrs.map((cidr, i) => ({ name: `eth${i}`, cidr })))
  return elements.map(({ key, to }) => [`${key[0]}-${to?.[0]}`, `${key[1]}-${to?.[1]}`])
}

test('each network is a range of clients and targets; the same one on two interfaces is one', () => {
  assert.deepEqual(pairsOf('10.9.0.0/24', 'fd00:9::/64', '10.9.0.0/24'), [
    ['10.9.0.0-10.9.0.255', '10.9.0.0-10.9.0.255'],
    ['fd00:9::-fd00:9::ffff:ffff:ffff:ffff', 'fd00:9::-fd00:9::ffff:ffff:ffff:ffff'],
  ])
})

test('targets of a network within another one are that one’s', () => {
  assert.deepEqual(pairsOf('10.0.0.0/8', '10.88.0.0/16'), [
    ['10.0.0.0-10.255.255.255', '10.0.0.0-10.87.255.255'],
    ['10.0.0.0-10.255.255.255', '10.89.0.0-10.255.255.255'],
    ['10.88.0.0-10.88.255.255', '10.88.0.0-10.88.255.255'],
  ])
  assert.deepEqual(pairsOf('10.9.0.0/24', '10.9.0.0/25', '10.9.0.128/25'), [
    ['10.9.0.0-10.9.0.127', '10.9.0.0-10.9.0.127'],
    ['10.9.0.128-10.9.0.255', '10.9.0.128-10.9.0.255'],
  ])
})

test('a client and a target are on one link where the narrowest network of the target holds the client', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  for (let round = 0; round < 200; round++) {
    const cidrs = Array.from({ length: random(6) }, () => `10.9.0.${random(16) * 16}/${24 + random(5)}`)
    const networks = cidrs.map(cidr => parseCidr(cidr)!).sort((a, b) => b.prefixLength - a.prefixLength)
    const { elements } = linksPart(
      networks.map(({ network, prefixLength }, i) => ({
        name: `eth${i}`,
        cidr: `${network.join('.')}/${prefixLength}`,
      })),
    )
    for (let i = 0; i < 50; i++) {
      const pair = [random(256), random(256)]
      const [client, target] = pair.map(last => `10.9.0.${last}`)
      const narrowest = networks.find(network => addressIn(network, target!))
      const found = elements.filter(({ key, to }) =>
        pair.every((last, field) => last >= lastByte(key[field]) && last <= lastByte(to?.[field])),
      )
      const isNeighbor = narrowest !== undefined && addressIn(narrowest, client!)
      assert.equal(found.length, isNeighbor ? 1 : 0, `seed ${seed}: ${client} ${target} in ${cidrs}`)
    }
  }
})

function lastByte(address: string | number | undefined): number {
  return Number(String(address).split('.')[3])
}
