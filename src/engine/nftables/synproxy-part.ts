import { asked4, asked6, destination4, destination6, endpoint4, endpoint6, shared } from './base-part.ts'
import {
  directionOriginal,
  type Element,
  emptyPart,
  fibLocal,
  type Part,
  protoTcp,
  type Statement,
  stateInvalid,
  stateNew,
  tcpAck,
  tcpFin,
  tcpPsh,
  tcpRst,
  tcpSyn,
} from './ruleset.ts'

/**
 * The listeners whose handshakes are answered with SYN cookies. Their segments of no connection come here as they were sent,
 * let through by the listener's chain; conntrack forgets them with the packet, so that a client has no entry before its cookie has
 * come back. Then the kernel opens the connection in the client's name, from this host's output, where the target is chosen.
 */
export function synproxyPart(
  listeners: readonly { readonly family: 'ipv4' | 'ipv6'; readonly key: Element['key'] }[],
): Part {
  const tcp: Statement = { match: 'meta l4proto', value: protoTcp }
  // Where conntrack is not loose (nf_conntrack_tcp_loose=0), the segment that brings a cookie back is invalid.
  const ofNone: Statement = { match: 'ct state', mask: stateNew | stateInvalid, value: 0, not: true }
  const finishing: readonly Statement[] = [
    { match: 'ct direction', value: directionOriginal },
    { match: 'fib saddr type', value: fibLocal, not: true },
    tcp,
    { match: 'tcp flags', mask: tcpFin | tcpSyn | tcpRst | tcpPsh | tcpAck, value: tcpAck },
  ]
  return {
    ...emptyPart('synproxy'),
    sets: [shared('synproxy4', endpoint4), shared('synproxy6', endpoint6)],
    chains: [
      {
        name: 'synproxy-input',
        hook: { type: 'filter', hook: 'input', priority: 0 },
        rules: [
          [ofNone, tcp, { in: 'synproxy4', fields: destination4 }, { synproxy: { mss: 1460, wscale } }],
          [ofNone, tcp, { in: 'synproxy6', fields: destination6 }, { synproxy: { mss: 1440, wscale } }],
        ],
      },
      {
        // The kernel ends the handshake with the target by an ACK whose echoed timestamp it has shifted as if it came from the
        // client (seen in 6.18). Linux from 6.15 on passes over such an ACK and asks again after a second, in which a service that
        // speaks first says nothing.
        name: 'synproxy-output',
        hook: { type: 'filter', hook: 'output', priority: 0 },
        rules: [
          [...finishing, { in: 'synproxy4', fields: asked4 }, { strip: 'tcp option timestamp' }],
          [...finishing, { in: 'synproxy6', fields: asked6 }, { strip: 'tcp option timestamp' }],
        ],
      },
    ],
    elements: listeners.map(({ family, key }) => ({ set: family === 'ipv4' ? 'synproxy4' : 'synproxy6', key })),
  }
}

/**
 * What clients are told in the target's place, before it is asked: Linux's own (8 MB) until it went to 10. A target that scales
 * by more has a smaller window than it could; one that scales by less gets more than it asked for.
 */
const wscale = 7
