import { destination4, destination6, endpoint4, endpoint6, shared } from './base-part.ts'
import { type Element, emptyPart, type Part, protoTcp, type Statement, stateInvalid, stateNew } from './ruleset.ts'

/**
 * The listeners whose handshakes are answered with SYN cookies. Their segments of no connection come here as they were sent,
 * let through by the listener's chain; conntrack forgets them with the packet, so that a client has no entry before its cookie has
 * come back. Then the kernel opens the connection in the client's name, from this host's output, where the target is chosen.
 */
export function synproxyPart(
  listeners: readonly { readonly family: 'ipv4' | 'ipv6'; readonly key: Element['key'] }[],
): Part {
  // Where conntrack is not loose (nf_conntrack_tcp_loose=0), the segment that brings a cookie back is invalid.
  const ofNone: Statement = { match: 'ct state', mask: stateNew | stateInvalid, value: 0, not: true }
  const tcp: Statement = { match: 'meta l4proto', value: protoTcp }
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
    ],
    elements: listeners.map(({ family, key }) => ({ set: family === 'ipv4' ? 'synproxy4' : 'synproxy6', key })),
  }
}

/**
 * What clients are told in the target's place, before it is asked: Linux's own (8 MB) until it went to 10. A target that scales
 * by more has a smaller window than it could; one that scales by less gets more than it asked for.
 */
const wscale = 7
