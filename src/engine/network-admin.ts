import { readFileSync } from 'node:fs'

/**
 * Whether this process may change routes, addresses and netfilter's rules here, and programs that it starts may: root, but not in
 * a container that was denied CAP_NET_ADMIN; or another user who was given it to pass on.
 */
export function isNetworkAdmin(): boolean {
  if (process.platform !== 'linux') return false
  return isAdmin(readFileSync('/proc/self/status', 'latin1'))
}

/** @param status as in /proc/PID/status */
export function isAdmin(status: string): boolean {
  const has = (set: string) => {
    const mask = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'
    return ((BigInt(`0x${mask}`) >> capNetAdmin) & 1n) === 1n
  }
  const isRoot = /^Uid:\s*\d+\s+0\s/m.test(status)
  // A program that root starts has all that is not out of bounds (capabilities(7)).
  return has('CapEff') && (isRoot ? has('CapBnd') : has('CapAmb'))
}

const capNetAdmin = 12n
