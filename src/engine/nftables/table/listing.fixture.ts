import { execFileSync } from 'node:child_process'

/** Runs commands of the nft program. @returns what it prints @throws with what it says where it fails */
export function nft(commands: string): string {
  return execFileSync('nft', ['-f', '-'], { input: `${commands}\n`, encoding: 'utf8', maxBuffer: 1 << 26 })
}

/** What nft lists of a table, but for handles and counts: sorted, except for the rules of a chain. */
export function listing(table: string): readonly string[] {
  const json = execFileSync('nft', ['-j', 'list', 'table', 'inet', table], { encoding: 'utf8', maxBuffer: 1 << 26 })
  const { nftables } = JSON.parse(json, (key, value) => {
    if (['handle', 'table', 'packets', 'bytes', 'metainfo'].includes(key)) return undefined
    return key === 'elem' && Array.isArray(value) ? value.map(each => JSON.stringify(each)).sort() : value
  })
  const rules = new Map<string, number>()
  return nftables
    .filter((object: object) => Object.keys(object).length > 0)
    .map((object: { rule?: { chain: string } }) => {
      const chain = object.rule?.chain ?? ''
      rules.set(chain, (rules.get(chain) ?? 0) + 1)
      return JSON.stringify(object.rule === undefined ? object : [chain, rules.get(chain), object])
    })
    .sort()
}
