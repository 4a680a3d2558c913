import {
  directionReply,
  type Field,
  fibLocal,
  loopbackIndex,
  nfprotoIpv4,
  nfprotoIpv6,
  protoIcmp,
  protoIcmpv6,
  protoTcp,
  protoUdp,
  type Rule,
  type Statement,
  stateEstablished,
  stateInvalid,
  stateNew,
  stateRelated,
  stateUntracked,
  statusDnat,
  tcpAck,
  tcpFin,
  tcpPsh,
  tcpRst,
  tcpSyn,
} from '../ruleset.ts'

/** The rule in nft's syntax, on one line. */
export function printRule(rule: Rule): string {
  return rule.map(printStatement).join(' ')
}

/** `0xab000001` */
export function printMark(mark: number): string {
  return `0x${mark.toString(16).padStart(8, '0')}`
}

function printStatement(statement: Statement): string {
  if ('match' in statement) return 'from' in statement ? printRange(statement) : printMatch(statement)
  if ('in' in statement)
    return `${printFields(statement.fields)} ${statement.not === true ? '!= ' : ''}@${statement.in}`
  if ('vmap' in statement) return `${printFields(statement.fields)} vmap @${statement.vmap}`
  if ('hash' in statement) {
    const { hash, mod, seed } = statement
    return `ct mark set jhash ${printFields(hash)} mod ${mod} seed 0x${seed.toString(16)}`
  }
  if ('markFrom' in statement) return `ct mark set ct mark map @${statement.markFrom}`
  if ('dnat' in statement) return `dnat ${statement.dnat} to ct mark map @${statement.map}`
  if ('snat' in statement) {
    const { snat, map } = statement
    return `snat ${snat} to ct original ${snat} daddr map @${map}`
  }
  if ('counter' in statement) return `counter name "${statement.counter}"`
  if ('ctTimeout' in statement) return `ct timeout set "${statement.ctTimeout}"`
  if ('add' in statement) return `add @${statement.add} { ${printFields(statement.fields)} }`
  if ('synproxy' in statement) {
    const { mss, wscale } = statement.synproxy
    return `synproxy mss ${mss} wscale ${wscale} timestamp sack-perm`
  }
  if ('strip' in statement) return `reset ${statement.strip}`
  if ('jump' in statement) return `jump ${statement.jump}`
  if ('goto' in statement) return `goto ${statement.goto}`
  return statement.do === 'reset' ? 'reject with tcp reset' : statement.do
}

function printFields(fields: readonly Field[]): string {
  return fields.join(' . ')
}

function printRange({ match, from, to }: Extract<Statement, { match: Field; from: number }>): string {
  return `${match} ${printValue(match, from)}-${printValue(match, to)}`
}

function printMatch({ match, value, prefix, mask, not }: Extract<Statement, { match: Field; value: unknown }>): string {
  if (prefix !== undefined) return `${match} ${not === true ? '!= ' : ''}${value}/${prefix}`
  if (mask === undefined) return `${match} ${operatorFor(match, not === true)}${printValue(match, value)}`
  if (match === 'ct state' || match === 'ct status') {
    // nft's own form for "one of these bits is set", and for "none".
    const isOneFlag = value === mask && (mask & (mask - 1)) === 0
    if (value === 0 || isOneFlag) {
      const isSet = isOneFlag !== (not === true)
      return `${match} ${isSet ? '' : '! '}${bitsOf(match, mask).join(',')}`
    }
  }
  const masked = bitNames[match] === undefined ? printValue(match, mask) : `(${bitsOf(match, mask).join('|')})`
  return `${match} & ${masked} ${not === true ? '!=' : '=='} ${printValue(match, value)}`
}

/** nft takes a bit without an operator for "this bit is set, whatever the others". */
function operatorFor(field: Field, not: boolean): string {
  return not ? '!= ' : bitNames[field] === undefined ? '' : '== '
}

function printValue(field: Field, value: number | string): string {
  if (typeof value === 'string') return value
  if (field === 'ct mark' || field === 'meta mark') return printMark(value)
  if (bitNames[field] !== undefined) return bitsOf(field, value).join('|')
  return valueNames[field]?.[value] ?? String(value)
}

/** Names of the bits that are set; the number where one has none. */
function bitsOf(field: Field, value: number): readonly string[] {
  const names: readonly (readonly [string, number])[] = bitNames[field] ?? []
  const found = names.filter(([, bit]) => (value & bit) !== 0)
  const isAll = found.reduce((sum, [, bit]) => sum | bit, 0) === value
  return value !== 0 && isAll ? found.map(([name]) => name) : [`0x${value.toString(16)}`]
}

const bitNames: Partial<Record<Field, readonly (readonly [string, number])[]>> = {
  'ct state': [
    ['invalid', stateInvalid],
    ['established', stateEstablished],
    ['related', stateRelated],
    ['new', stateNew],
    ['untracked', stateUntracked],
  ],
  'ct status': [['dnat', statusDnat]],
  'tcp flags': [
    ['fin', tcpFin],
    ['syn', tcpSyn],
    ['rst', tcpRst],
    ['psh', tcpPsh],
    ['ack', tcpAck],
  ],
}

const interfaces = { [loopbackIndex]: 'lo' }

const valueNames: Partial<Record<Field, Readonly<Record<number, string>>>> = {
  'meta l4proto': { [protoTcp]: 'tcp', [protoUdp]: 'udp', [protoIcmp]: 'icmp', [protoIcmpv6]: 'ipv6-icmp' },
  'meta nfproto': { [nfprotoIpv4]: 'ipv4', [nfprotoIpv6]: 'ipv6' },
  'meta iif': interfaces,
  'meta oif': interfaces,
  'ct direction': { 0: 'original', [directionReply]: 'reply' },
  'fib saddr type': { [fibLocal]: 'local' },
}
