import type { Chain, Element, FieldType, NftSet, Part, Ruleset, Slots, Timeout } from '../ruleset.ts'
import { keyText, sizeOf } from './encode-set.ts'
import { printMark, printRule } from './print-rule.ts'

/**
 * The ruleset as text that `nft -f` takes, part by part in the ruleset's order; elements that several parts bring stand in
 * their set, once.
 *
 * @param options.slots all slots of every map; else how many there are, and their digest
 */
export function printRuleset(
  table: string,
  ruleset: Ruleset,
  { slots = false }: { readonly slots?: boolean } = {},
): string {
  const parts = [...ruleset.values()]
  const shared = sharedElements(parts)
  const lines = parts.flatMap(part => [
    `# ${part.name}`,
    ...part.timeouts.flatMap(printTimeout),
    ...part.counters.map(name => `counter ${name} { }`),
    ...part.sets.flatMap(set => printSet(set, contentOf(set, shared), slots)),
    ...part.chains.flatMap(printChain),
  ])
  return [`table inet ${table} {`, ...lines.map(line => `  ${line}`), '}', ''].join('\n')
}

function contentOf(
  { name, content }: NftSet,
  shared: ReadonlyMap<string, readonly Element[]>,
): readonly Element[] | Slots {
  return content === 'shared' ? (shared.get(name) ?? []) : content
}

/** By set, each key once. */
function sharedElements(parts: readonly Part[]): ReadonlyMap<string, readonly Element[]> {
  const sets = new Map(parts.flatMap(({ sets }) => sets.map(set => [set.name, set] as const)))
  const found = new Map<string, Map<string, Element>>()
  for (const element of parts.flatMap(({ elements }) => elements)) {
    const set = sets.get(element.set)
    if (set === undefined) throw new Error(`no set ${element.set}`)
    const elements = found.get(set.name) ?? new Map<string, Element>()
    found.set(set.name, elements.set(keyText(set, element), element))
  }
  return new Map(Array.from(found, ([name, elements]) => [name, [...elements.values()]]))
}

function printTimeout({ name, protocol, policy }: Timeout): string[] {
  const states = Object.entries(policy).map(([state, seconds]) => `${state} : ${seconds}`)
  return [
    `ct timeout ${name} {`,
    `  protocol ${protocol}`,
    '  l3proto inet',
    `  policy = { ${states.join(', ')} }`,
    '}',
  ]
}

function printSet(set: NftSet, content: readonly Element[] | Slots, allSlots: boolean): string[] {
  const { name, key, data, interval, counters, dynamic } = set
  const value = data === undefined ? '' : ` : ${data === 'verdict' ? data : printTypes(data)}`
  const size = sizeOf(set)
  const flags = [...(interval === true ? ['interval'] : []), ...(dynamic === undefined ? [] : ['dynamic', 'timeout'])]
  return [
    `${data === undefined ? 'set' : 'map'} ${name} {`,
    `  type ${printTypes(key)}${value}`,
    ...(flags.length > 0 ? [`  flags ${flags.join(',')}`] : []),
    ...(counters === true ? ['  counter'] : []),
    ...(dynamic === undefined ? [] : [`  timeout ${dynamic.timeoutSeconds}s`]),
    ...(size === undefined ? [] : [`  size ${size}`]),
    ...printContent(set, content, allSlots),
    '}',
  ]
}

function printContent(set: NftSet, content: readonly Element[] | Slots, allSlots: boolean): string[] {
  if (!('marks' in content)) return printElements(content.map(element => printElement(set, element)))
  const { marks, digest } = content
  if (!allSlots) return [`  # ${marks.length} slots, digest ${printMark(digest)}`]
  return printElements([...marks, digest].map((mark, slot) => `${printMark(slot)} : ${printMark(mark)}`))
}

function printElements(elements: readonly string[]): string[] {
  return elements.length === 0 ? [] : ['  elements = {', ...elements.map(element => `    ${element},`), '  }']
}

function printElement({ key: types, data }: NftSet, { key, to, value, comment }: Element): string {
  const first = printFields(types, key)
  const last = to === undefined ? first : printFields(types, to)
  const keys = first.map((field, i) => (field === last[i] ? field : `${field}-${last[i]}`)).join(' . ')
  const note = comment === undefined ? '' : ` comment "${comment}"`
  if (value === undefined || data === undefined) return keys + note
  const verdict = 'verdict' in value ? `${value.verdict} ${value.chain}` : undefined
  return `${keys}${note} : ${verdict ?? printFields(data as readonly FieldType[], value as Element['key']).join(' . ')}`
}

function printFields(types: readonly FieldType[], values: Element['key']): readonly string[] {
  return types.map((type, i) => {
    const value = values[i]
    return type === 'mark' && typeof value === 'number' ? printMark(value) : String(value)
  })
}

function printTypes(types: readonly FieldType[]): string {
  return types.map(type => (type === 'ifindex' ? 'iface_index' : type)).join(' . ')
}

function printChain({ name, hook, rules }: Chain): string[] {
  return [
    `chain ${name} {`,
    ...(hook === undefined ? [] : [`  type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy accept;`]),
    ...rules.map(rule => `  ${printRule(rule)}`),
    '}',
  ]
}
