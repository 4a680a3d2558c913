import { jhash } from '../../../domain/jhash.ts'
import { NetlinkMessages, NLM_F_APPEND, NLM_F_CREATE } from '../netlink/netlink-message.ts'
import type { Chain, Rule, Timeout } from '../ruleset.ts'
import { putMessage } from './attributes.ts'
import { putExpressions } from './encode-rule.ts'
import * as nf from './nf-tables.ts'
import { findNote, note, tableNotes, word } from './notes.ts'

/*
 * What a ruleset is made of as messages to the kernel; sets are in `encode-set.ts`. What is put may be there already: the
 * kernel then leaves it as it is.
 */

/**
 * @param ownerPersist nobody else may change the table while the socket is open, and it stays when that closes (Linux 6.9)
 * @param comment 127 bytes at most (nft); a table that is there keeps the one that it has
 */
export function putTable(m: NetlinkMessages, table: string, ownerPersist: boolean, comment?: string): void {
  putMessage(m, nf.NFT_MSG_NEWTABLE, NLM_F_CREATE, () => {
    m.text(nf.NFTA_TABLE_NAME, table)
    m.u32(nf.NFTA_TABLE_FLAGS, ownerPersist ? nf.NFT_TABLE_F_OWNER | nf.NFT_TABLE_F_PERSIST : 0)
    if (comment !== undefined) m.bytes(nf.NFTA_TABLE_USERDATA, tableNotes(comment))
  })
}

/** With everything in it. */
export function deleteTable(m: NetlinkMessages, table: string): void {
  putMessage(m, nf.NFT_MSG_DELTABLE, 0, () => m.text(nf.NFTA_TABLE_NAME, table))
}

export function putCounter(m: NetlinkMessages, table: string, name: string): void {
  putObject(m, table, name, nf.NFT_OBJECT_COUNTER, () => {})
}

/** The kernel refuses (`EBUSY`) while a rule refers to it. */
export function deleteCounter(m: NetlinkMessages, table: string, name: string): void {
  deleteObject(m, table, name, nf.NFT_OBJECT_COUNTER)
}

/** For flows of both families. */
export function putTimeout(m: NetlinkMessages, table: string, { name, protocol, policy }: Timeout): void {
  putObject(m, table, name, nf.NFT_OBJECT_CT_TIMEOUT, () => {
    m.u16(nf.NFTA_CT_TIMEOUT_L3PROTO, nf.NFPROTO_INET)
    m.u8(nf.NFTA_CT_TIMEOUT_L4PROTO, protocol === 'tcp' ? 6 : 17)
    m.nest(nf.NFTA_CT_TIMEOUT_DATA, () => {
      for (const [state, seconds] of Object.entries(policy)) {
        const attribute = flowStates[protocol][state]
        if (attribute === undefined) throw new Error(`${protocol} has no state '${state}'`)
        m.u32(attribute, seconds)
      }
    })
  })
}

/** The kernel refuses (`EBUSY`) while a rule refers to it. */
export function deleteTimeout(m: NetlinkMessages, table: string, { name }: Pick<Timeout, 'name'>): void {
  deleteObject(m, table, name, nf.NFT_OBJECT_CT_TIMEOUT)
}

/** Without its rules. What none of a base chain's rules stops goes on. */
export function putChain(m: NetlinkMessages, table: string, { name, hook }: Pick<Chain, 'name' | 'hook'>): void {
  putMessage(m, nf.NFT_MSG_NEWCHAIN, NLM_F_CREATE, () => {
    m.text(nf.NFTA_CHAIN_TABLE, table)
    m.text(nf.NFTA_CHAIN_NAME, name)
    if (hook === undefined) return
    m.nest(nf.NFTA_CHAIN_HOOK, () => {
      m.u32(nf.NFTA_HOOK_HOOKNUM, hookNumbers[hook.hook])
      m.u32(nf.NFTA_HOOK_PRIORITY, hook.priority)
    })
    m.u32(nf.NFTA_CHAIN_POLICY, nf.NF_ACCEPT)
    m.text(nf.NFTA_CHAIN_TYPE, hook.type)
  })
}

/** With its rules. The kernel refuses (`EBUSY`) while a rule or an element leads to it. */
export function deleteChain(m: NetlinkMessages, table: string, name: string): void {
  putMessage(m, nf.NFT_MSG_DELCHAIN, 0, () => {
    m.text(nf.NFTA_CHAIN_TABLE, table)
    m.text(nf.NFTA_CHAIN_NAME, name)
  })
}

/** Deletes the chain's rules. */
export function flushChain(m: NetlinkMessages, table: string, name: string): void {
  putMessage(m, nf.NFT_MSG_DELRULE, 0, () => {
    m.text(nf.NFTA_RULE_TABLE, table)
    m.text(nf.NFTA_RULE_CHAIN, name)
  })
}

/**
 * Puts the rule behind the chain's others, once more if it is there.
 * @param digest kept with the rule, for whoever reads it back (`ruleDigestIn`)
 */
export function putRule(m: NetlinkMessages, table: string, chain: string, rule: Rule, digest: number): void {
  putMessage(m, nf.NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, () => {
    m.text(nf.NFTA_RULE_TABLE, table)
    m.text(nf.NFTA_RULE_CHAIN, chain)
    m.nest(nf.NFTA_RULE_EXPRESSIONS, () => putExpressions(m, rule))
    m.bytes(nf.NFTA_RULE_USERDATA, note(digestNote, word(digest)))
  })
}

/** Of the rule as the kernel gets it: a release that writes the same rule otherwise has another digest for it. */
export function ruleDigest(rule: Rule): number {
  const m = new NetlinkMessages(1024)
  putExpressions(m, rule)
  const bytes = m.numbered(0)
  return jhash(bytes, bytes.length, 0)
}

/** What `putRule` kept, from a rule's NFTA_RULE_USERDATA; `undefined` for a rule by somebody else. */
export function ruleDigestIn(userdata: Buffer): number | undefined {
  const found = findNote(userdata, digestNote)
  return found?.length === 4 ? found.readUInt32LE(0) : undefined
}

function putObject(m: NetlinkMessages, table: string, name: string, type: number, data: () => void): void {
  putMessage(m, nf.NFT_MSG_NEWOBJ, NLM_F_CREATE, () => {
    m.text(nf.NFTA_OBJ_TABLE, table)
    m.text(nf.NFTA_OBJ_NAME, name)
    m.u32(nf.NFTA_OBJ_TYPE, type)
    m.nest(nf.NFTA_OBJ_DATA, data)
  })
}

function deleteObject(m: NetlinkMessages, table: string, name: string, type: number): void {
  putMessage(m, nf.NFT_MSG_DELOBJ, 0, () => {
    m.text(nf.NFTA_OBJ_TABLE, table)
    m.text(nf.NFTA_OBJ_NAME, name)
    m.u32(nf.NFTA_OBJ_TYPE, type)
  })
}

/** Unknown to nft, which passes over it: it knows 0 and 1. */
const digestNote = 0x53

const hookNumbers = { prerouting: 0, input: 1, output: 3, postrouting: 4 }

/** CTA_TIMEOUT_TCP_* and CTA_TIMEOUT_UDP_* (linux/netfilter/nfnetlink_cttimeout.h). */
const flowStates: Readonly<Record<Timeout['protocol'], Readonly<Record<string, number>>>> = {
  tcp: { established: 3, close_wait: 5 },
  udp: { unreplied: 1, replied: 2 },
}
