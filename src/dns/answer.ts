import { isIPv4, isIPv6 } from 'node:net'
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet'

/** Addresses of a name, of either family; empty for a name that has none; `undefined` where there is no such name. */
export type Resolve = (name: string, type: 'A' | 'AAAA') => readonly string[] | undefined

/** AWS: load balancer names have a TTL of 60 seconds. */
const ttl = 60
/** That a name does not exist is forgotten soon: somebody may just be creating it. */
const negativeTtl = 5
/** RFC 1035, section 4.2.1; with EDNS, what avoids fragments (RFC 9715). */
const plainUdpBytes = 512
const ednsUdpBytes = 1_232
/** RFC 1035, section 4.1.1 */
const rcode = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }
const opcodeBits = 0x7800

/**
 * The reply to one DNS message; `undefined` for what deserves none: no DNS message, or a reply itself (two responders that
 * answer each other's errors would never stop).
 *
 * @param transport a reply over UDP that is too long is cut to nothing and marked, so that the client asks over TCP
 * @param onError is told what `resolve` threw; the client gets SERVFAIL
 */
export function answer(
  message: Buffer,
  zone: string,
  resolve: Resolve,
  transport: 'udp' | 'tcp',
  onError: (error: Error) => void,
): Buffer | undefined {
  let query: Packet
  try {
    query = decode(message)
  } catch {
    return undefined
  }
  if (query.type !== 'query') return undefined

  const edns = query.additionals?.find(record => record.type === 'OPT')
  const { code, answers = [], authorities = [] } = judge(query, zone, resolve, onError)
  const knows = code === rcode.NOERROR || code === rcode.NXDOMAIN
  const reply = {
    type: 'response',
    id: query.id ?? 0,
    flags: ((query.flags ?? 0) & (RECURSION_DESIRED | opcodeBits)) | (knows ? AUTHORITATIVE_ANSWER : 0) | code,
    questions: query.questions ?? [],
    additionals: edns === undefined ? [] : [ourOpt],
  } satisfies Packet
  const whole = encode({ ...reply, answers, authorities })
  const limit =
    edns === undefined ? plainUdpBytes : Math.min(ednsUdpBytes, Math.max(plainUdpBytes, edns.udpPayloadSize))
  if (transport === 'tcp' || whole.length <= limit) return whole
  return encode({ ...reply, flags: reply.flags | TRUNCATED_RESPONSE })
}

const ourOpt = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: ednsUdpBytes,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
} satisfies Answer

interface Judgement {
  readonly code: number
  readonly answers?: Answer[]
  readonly authorities?: Answer[]
}

function judge(query: Packet, zone: string, resolve: Resolve, onError: (error: Error) => void): Judgement {
  if (((query.flags ?? 0) & opcodeBits) !== 0) return { code: rcode.NOTIMP }
  const [question, ...more] = query.questions ?? []
  if (question === undefined || more.length > 0) return { code: rcode.FORMERR }
  const name = question.name.toLowerCase()
  if ((question.class ?? 'IN') !== 'IN' || (name !== zone && !name.endsWith(`.${zone}`))) return { code: rcode.REFUSED }
  if (name === zone) {
    return question.type === 'SOA'
      ? { code: rcode.NOERROR, answers: [soa(zone)] }
      : { code: rcode.NOERROR, authorities: [soa(zone)] }
  }
  try {
    const addresses = resolve(name, question.type === 'AAAA' ? 'AAAA' : 'A')
    if (addresses === undefined) return { code: rcode.NXDOMAIN, authorities: [soa(zone)] }
    const answers = records(question, addresses)
    return { code: rcode.NOERROR, answers, authorities: answers.length > 0 ? [] : [soa(zone)] }
  } catch (error) {
    onError(error as Error)
    return { code: rcode.SERVFAIL }
  }
}

/** Under the name as it was asked, letter by letter: resolvers that mix its case compare it. */
function records(question: Question, addresses: readonly string[]): Answer[] {
  const { name, type } = question
  if (type === 'A') return addresses.filter(isIPv4).map(data => ({ name, type, ttl, data }))
  if (type === 'AAAA') return addresses.filter(isIPv6).map(data => ({ name, type, ttl, data }))
  return []
}

/** What tells a resolver how long it may remember that there is nothing (RFC 2308). */
function soa(zone: string): Answer {
  return {
    name: zone,
    type: 'SOA',
    ttl: negativeTtl,
    data: {
      mname: `ns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 3_600,
      retry: 600,
      expire: 86_400,
      minimum: negativeTtl,
    },
  }
}
